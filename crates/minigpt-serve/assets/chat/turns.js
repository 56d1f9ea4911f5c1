// A turn of a conversation as an article, and while it is edited.

import { element } from "/assets/dom.js";
import { copyText } from "/assets/copy.js";
import { figuresText, passagesElement } from "/assets/chat/answer.js";
import { editor } from "/assets/chat/editor.js";
import { showProse } from "/assets/chat/prose.js";

/**
 * @typedef {object} Actions What a reader may do with a turn.
 * @property {() => void} again Have the last answer written anew.
 * @property {(turn: import("./conversation.js").Turn, text: string) => void} change
 */

/**
 * @param {import("./conversation.js").Turn} turn
 * @param {Actions} actions
 * @returns {HTMLElement}
 */
export function turnArticle(turn, actions) {
  const article = element("article", { className: `turn ${turn.role}` },
    element("h2", { textContent: turn.role === "user" ? "You" : turn.model }),
    element("div", { className: "prose" }),
    element("div", { className: "below" }, element("p", { className: "figures note" })));
  article.append(buttons(article, turn, actions));
  fillTurn(article, turn);
  return article;
}

/** Shows what a turn has become, while it is written. */
export function fillTurn(article, turn) {
  const below = article.querySelector(".below");
  showProse(article.querySelector(".prose"), turn.text);
  if (turn.passages?.length && !below.querySelector("details")) below.prepend(passagesElement(turn.passages));
  below.querySelector(".figures").textContent = figuresText(turn.figures);
}

function buttons(article, turn, actions) {
  const copy = button("Copy", "Copy this text", async () => {
    copy.textContent = (await copyText(turn.text)) ? "Copied" : "Not copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  const edit = button("Edit", "Edit this turn", () => {
    article.replaceWith(editor(turn, {
      send: (text) => actions.change(turn, text),
      cancel: (form) => {
        form.replaceWith(article);
        edit.focus();
      },
    }));
  });
  const row = element("div", { className: "row actions" }, copy, edit);
  if (turn.role === "assistant") {
    const again = button("Again", "Write this answer again", actions.again);
    again.classList.add("again"); // seen at the last answer alone
    row.append(again);
  }
  return row;
}

function button(label, name, act) {
  return element("button", { type: "button", className: "plain small", textContent: label, ariaLabel: name, onclick: act });
}
