// The controls of sampling.

import { element } from "/assets/dom.js";
import { UNTOUCHED } from "/assets/playground/sampling.js";

const CONTROLS = [
  { key: "temperature", name: "Temperature", min: 0, max: 2, step: 0.05,
    says: (value) => (value === 0 ? "0: only the most probable" : value.toFixed(2)) },
  { key: "topK", name: "Top-k", min: 0, max: 100, step: 1, says: (value) => (value === 0 ? "all tokens" : `${value} tokens`) },
  { key: "topP", name: "Top-p", min: 0.01, max: 1, step: 0.01, says: (value) => (value === 1 ? "1: all" : value.toFixed(2)) },
  { key: "minP", name: "Min-p", min: 0, max: 0.5, step: 0.005, says: (value) => (value === 0 ? "0: all" : value.toFixed(3)) },
];

/**
 * Fills the form; `changed` is called whenever a control moves.
 * @param {HTMLFormElement} form
 * @param {() => void} changed
 */
export function sliders(form, changed) {
  const controls = CONTROLS.map((control) => ({ ...control, ...slider(control, changed) }));
  const settings = () => Object.fromEntries(controls.map(({ key, input }) => [key, Number(input.value)]));
  const set = (values) => {
    for (const { key, input, tell } of controls) {
      input.value = values[key];
      tell();
    }
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
    /** @type {() => import("./sampling.js").Settings} */
    settings,
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

function slider({ key, name, min, max, step, says }, changed) {
  const input = element("input", { type: "range", id: key, min, max, step, value: UNTOUCHED[key] });
  const value = element("output", { htmlFor: key });
  const tell = () => {
    value.textContent = says(Number(input.value));
    input.setAttribute("aria-valuetext", value.textContent);
  };
  input.addEventListener("input", () => {
    tell();
    changed();
  });
  tell();
  const field = element("div", { className: "slider" }, element("label", { htmlFor: key }, name), value, input);
  return { input, field, tell };
}
