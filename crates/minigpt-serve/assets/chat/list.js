// The list of conversations.

import { element } from "/assets/dom.js";
import { title } from "/assets/chat/conversation.js";

/**
 * @param {HTMLUListElement} list
 * @param {import("./conversation.js").Conversation[]} conversations
 * @param {string} current The id of the one that is shown.
 * @param {{ choose: (id: string) => void, remove: (id: string) => void }} actions Told ids: what the list was drawn from
 *   is old by the time of a click.
 */
export function showList(list, conversations, current, { choose, remove }) {
  list.replaceChildren(...conversations.map((conversation) => {
    const { id } = conversation;
    const name = title(conversation);
    const line = element("button", { className: "plain choose", textContent: name, ariaCurrent: String(id === current), onclick: () => choose(id) });
    const drop = element("button", { className: "plain small", textContent: "✕", title: "Delete", ariaLabel: `Delete “${name}”`, onclick: () => remove(id) });
    return element("li", {}, line, drop);
  }));
}
