// The turns of the conversation in the page, the one that grows among them, and what went wrong below them.

import { element } from "/assets/dom.js";
import { fillTurn, turnArticle } from "/assets/chat/turns.js";

/** Nearer than this to the end, in pixels, the page follows what is written. */
const NEAR = 60;

/**
 * @param {HTMLElement} root
 * @param {import("./turns.js").Actions} actions
 */
export function thread(root, actions) {
  const toEnd = () => { root.scrollTop = root.scrollHeight; };
  return {
    /**
     * @param {import("./conversation.js").Conversation} conversation
     * @param {HTMLElement} empty What stands there before it begins.
     */
    show(conversation, empty) {
      const { turns } = conversation;
      root.replaceChildren(...(turns.length > 0 ? turns.map((turn) => turnArticle(turn, actions)) : [empty]));
      root.scrollTop = turns.length > 0 ? root.scrollHeight : 0;
    },
    /** Something else than a conversation. */
    showInstead(other) {
      root.replaceChildren(other);
    },
    /** Begins one more turn. */
    add(turn) {
      for (const other of root.querySelectorAll(".problem, .empty")) other.remove();
      root.append(turnArticle(turn, actions));
      toEnd();
    },
    /**
     * Shows that the last turn is being written, and how far it is.
     * @param {import("./conversation.js").Turn} turn
     */
    grow(turn) {
      const article = root.querySelector("article:last-of-type");
      const follow = root.scrollHeight - root.scrollTop - root.clientHeight < NEAR;
      root.setAttribute("aria-busy", "true"); // hides what may be done with turns
      article.classList.toggle("reading", !turn.text);
      article.classList.toggle("writing", Boolean(turn.text));
      fillTurn(article, turn);
      if (follow) toEnd();
    },
    /** Shows that the last turn is written; one that nothing came of goes. */
    end(turn, gone) {
      const article = root.querySelector("article:last-of-type");
      this.grow(turn);
      root.removeAttribute("aria-busy");
      article.classList.remove("reading", "writing");
      if (gone) article.remove();
    },
    /**
     * @param {Error} error Its message is for the reader.
     * @param {() => void} again
     * @returns {HTMLElement} What says it.
     */
    problem(error, again) {
      root.querySelector(".problem")?.remove();
      const said = problemElement(error, again);
      root.append(said);
      toEnd();
      return said;
    },
  };
}

/** What went wrong, in the server's words. */
export function problemElement(error, again) {
  return element("div", { className: "error problem", role: "alert" },
    element("p", { textContent: error.message }),
    element("button", { type: "button", textContent: "Try again", onclick: again }));
}
