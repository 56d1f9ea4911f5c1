// The panel of settings: what the model is, its system prompt, passages, and how answers are drawn.

import { element } from "/assets/dom.js";
import { SETTINGS, usual } from "/assets/chat/settings.js";

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1, notation: "compact" });
const MOST_PASSAGES = 20;

/** @returns {string} A model in a line. */
export function cardText(card) {
  const parts = [
    `${number.format(card.parameters)} parameters`,
    card.weights && `weights in ${card.weights}`,
    `${card.layers} layers of ${card.heads} heads`,
    `context of ${card.context.toLocaleString("en")} tokens`,
    `vocabulary of ${card.vocabulary.toLocaleString("en")}`,
    card.base && `an adapter of ${card.base}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/**
 * Shows the settings of a conversation, and changes them as the reader does.
 * @param {HTMLElement} root
 * @param {import("./conversation.js").Conversation} conversation
 * @param {object} card The model, as `/api/models` tells it.
 * @param {boolean} index
 * @param {() => void} changed Told of each change.
 */
export function showControls(root, conversation, card, index, changed) {
  const redraw = () => showControls(root, conversation, card, index, changed);
  const drawing = SETTINGS.map((setting) => settingField(setting, conversation, card, changed));
  const reset = element("button", { textContent: "Use the defaults", onclick: () => {
    conversation.settings = {};
    changed();
    redraw();
    root.querySelector(".reset").focus();
  } });
  reset.classList.add("reset");
  root.replaceChildren(
    element("h2", { textContent: card.id }),
    element("p", { className: "note", textContent: cardText(card) }),
    ...(card.has_template ? asked(conversation, index, changed) : [continues()]),
    element("h2", { textContent: "How answers are drawn" }),
    element("p", { className: "note", textContent: "An empty field takes the default, which it shows." }),
    ...drawing,
    reset);
}

/** What only a model that was taught to answer has. */
function asked(conversation, index, changed) {
  const system = element("textarea", { value: conversation.system, rows: 3, placeholder: "As: Answer in one short sentence." });
  system.addEventListener("input", () => {
    conversation.system = system.value;
    changed();
  });
  const fields = [field("System prompt", "Stands before the conversation and tells the model how to answer.", system)];
  if (index) {
    const passages = element("input", { type: "number", min: 0, max: MOST_PASSAGES, step: 1, value: conversation.passages });
    onNumber(passages, true, (value) => {
      conversation.passages = value ?? 0;
      changed();
    });
    fields.push(field("Passages", "How many passages of your documents go with a question. 0 is none.", passages));
  }
  return fields;
}

function continues() {
  return element("p", { className: "card", textContent:
    "This model continues text: it was not taught to answer. There is no system prompt, and all turns are one text." });
}

function settingField(setting, conversation, card, changed) {
  const { name, label, note, min, max, step } = setting;
  const input = element("input", { type: "number", min, step, value: conversation.settings[name] ?? "", placeholder: usual(setting, card) });
  if (max !== undefined) input.max = max;
  onNumber(input, step === 1, (value) => {
    if (value === null) delete conversation.settings[name];
    else conversation.settings[name] = value;
    changed();
  });
  return field(label, note, input);
}

/** Tells each number that is in bounds, and null for an empty field. Steps are for the arrows alone. */
function onNumber(input, whole, tell) {
  input.addEventListener("input", () => {
    const { badInput, rangeUnderflow, rangeOverflow } = input.validity;
    const value = input.valueAsNumber;
    const wrong = badInput || rangeUnderflow || rangeOverflow || (whole && value % 1 > 0);
    const most = input.max ? ` and at most ${input.max}` : "";
    input.setCustomValidity(wrong ? `${whole ? "A whole number" : "A number"} of at least ${input.min}${most}.` : "");
    input.reportValidity();
    if (!wrong) tell(Number.isNaN(value) ? null : value);
  });
}

function field(label, note, control) {
  const id = `setting-${label.toLowerCase().replace(/\W+/g, "-")}`;
  control.setAttribute("aria-describedby", id);
  return element("div", { className: "setting" },
    element("label", { className: "field" }, element("span", { textContent: label }), control),
    element("p", { className: "note", id, textContent: note }));
}
