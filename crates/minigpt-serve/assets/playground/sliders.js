// The controls of sampling.

import { element } from "/assets/dom.js";
import { UNTOUCHED } from "/assets/playground/sampling.js";

const CONTROLS = [
  { key: "temperature", name: "Temperature", min: 0, max: 2, step: 0.05,
    says: (value) => (value === 0 ? "0: only the most probable" : digits(value, 2)) },
  { key: "topK", name: "Top-k", min: 0, max: 100, step: 1, says: (value) => (value === 0 ? "all tokens" : `${value} tokens`) },
  { key: "topP", name: "Top-p", min: 0.01, max: 1, step: 0.01, says: (value) => (value === 1 ? "1: all" : digits(value, 2)) },
  { key: "minP", name: "Min-p", min: 0, max: 0.5, step: 0.005, says: (value) => (value === 0 ? "0: all" : digits(value, 3)) },
];

/** With so many decimals at least, and more where a model's makers say more. */
function digits(value, least) {
  return value.toLocaleString("en", { minimumFractionDigits: least, maximumFractionDigits: 4 });
}

/**
 * Fills the form; `changed` is called whenever a control moves.
 * @param {HTMLFormElement} form
 * @param {() => void} changed
 */
export function sliders(form, changed) {
  const controls = CONTROLS.map((control) => ({ ...control, ...slider(control, changed) }));
  const set = (values) => {
    for (const { key, set } of controls) set(values[key]);
    changed();
  };
  let defaults = UNTOUCHED;
  const button = (text, values) => {
    const made = element("button", { type: "button", className: "small" }, text);
    made.addEventListener("click", () => set(values()));
    return made;
  };
  form.append(
    ...controls.map(({ field }) => field),
    element("div", { className: "row" },
      button("As the model's makers say", () => defaults), button("Everything open", () => UNTOUCHED)));
  form.addEventListener("submit", (event) => event.preventDefault());
  return {
    /** @returns {import("./sampling.js").Settings} */
    settings: () => Object.fromEntries(controls.map(({ key, value }) => [key, value()])),
    /** Takes what a model's files say. @param {object} said Of `/api/models`. */
    offer(said = {}) {
      defaults = {
        temperature: said.temperature ?? UNTOUCHED.temperature,
        topK: said.top_k ?? UNTOUCHED.topK,
        topP: said.top_p ?? UNTOUCHED.topP,
        minP: said.min_p ?? UNTOUCHED.minP,
      };
      set(defaults);
    },
  };
}

/** A value that is set may lie between the slider's steps or past its end, and stays so until the slider moves. */
function slider({ key, name, min, max, step, says }, changed) {
  const input = element("input", { type: "range", id: key, min, max, step });
  const told = element("output", { htmlFor: key });
  let value;
  const take = (taken) => {
    value = taken;
    told.textContent = says(value);
    input.setAttribute("aria-valuetext", told.textContent);
  };
  const set = (given) => {
    input.value = given;
    take(given);
  };
  input.addEventListener("input", () => {
    take(Number(input.value));
    changed();
  });
  set(UNTOUCHED[key]);
  const field = element("div", { className: "slider" }, element("label", { htmlFor: key }, name), told, input);
  return { field, set, value: () => value };
}
