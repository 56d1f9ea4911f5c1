// What stands where no conversation has begun: what the model is, and what to try.

import { element } from "/assets/dom.js";
import { cardText } from "/assets/chat/controls.js";

const QUESTIONS = [
  "Explain what a token is to a ten-year-old.",
  "Write four lines about the sea.",
  "Give me three names for a small red robot.",
];
const BEGINNINGS = ["Once upon a time", "It is a truth universally acknowledged, that", "The door opened, and"];

/**
 * @param {object} card The model, as `/api/models` tells it.
 * @param {boolean} index Whether answers may come from passages.
 * @param {(text: string) => void} suggest
 * @returns {HTMLElement}
 */
export function emptyState(card, index, suggest) {
  const answers = card.has_template;
  const lines = answers ? answering(index) : CONTINUING;
  return element("div", { className: "empty" },
    element("h2", { textContent: answers ? `Ask ${card.id}` : `Begin a text, and ${card.id} goes on` }),
    element("p", { className: "note", textContent: cardText(card) }),
    element("div", { className: "row" }, ...(answers ? QUESTIONS : BEGINNINGS).map((text) =>
      element("button", { type: "button", textContent: text, onclick: () => suggest(text) }))),
    element("ul", {}, ...lines.map((line) => element("li", { textContent: line }))));
}

/** Where the server has no model at all. */
export function noModel() {
  return element("div", { className: "empty" },
    element("h2", { textContent: "No model is served here" }),
    element("p", {}, "Start one with ", element("code", { textContent: "minigpt serve MODEL" }),
      ": a run, a model folder or a GGUF file. Runs can be followed on the page ",
      element("a", { href: "/runs", textContent: "Runs" }), "."));
}

function answering(index) {
  const lines = [
    "Set the temperature to 0: the same question then always gets the same answer.",
    "Edit a turn: the conversation goes on from there. “Again” writes the last answer anew.",
    "Give a system prompt under Settings, as “Answer in one short sentence.”",
    "Small models are often wrong and do not say so: check what matters.",
  ];
  if (index) lines.unshift("Ask about your documents: passages of the index go with the question, and their sources stand below the answer.");
  return lines;
}

const CONTINUING = [
  "This model continues text. It was not taught to answer questions, so begin what it should write.",
  "Send nothing to let it go on from where it stopped.",
  "Edit its text and continue: it takes up what you wrote.",
  "Change the temperature under Settings: low is repetitive, high is wild.",
];
