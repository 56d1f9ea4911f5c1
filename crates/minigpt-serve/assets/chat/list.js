// The list of conversations.

import { element } from "/assets/dom.js";
import { title } from "/assets/chat/conversation.js";

/**
 * @param {HTMLUListElement} list
 * @param {import("./conversation.js").Conversation[]} conversations
 * @param {string} current The id of the one that is shown.
 * @param {{ open: (conversation) => void, remove: (conversation) => void }} actions
 */
export function showList(list, conversations, current, { open, remove }) {
  list.replaceChildren(...conversations.map((conversation) => {
    const name = title(conversation);
    const choose = element("button", { className: "plain choose", textContent: name, ariaCurrent: String(conversation.id === current), onclick: () => open(conversation) });
    const drop = element("button", { className: "plain small", textContent: "✕", title: "Delete", ariaLabel: `Delete “${name}”`, onclick: () => remove(conversation) });
    return element("li", {}, choose, drop);
  }));
}
