// What is the same for all pictures: axis, smoothing, scales.

import { element } from "/assets/dom.js";
import { AXES } from "/assets/runs/curve.js";

/**
 * @param {HTMLElement} place
 * @param {import("./view.js").View} view
 */
export function showControls(place, view) {
  const axis = element("select", { name: "axis" },
    ...Object.entries(AXES).map(([id, { name }]) => element("option", { value: id, selected: id === view.axis }, name)));
  axis.addEventListener("change", () => view.set({ axis: axis.value, range: null, cursor: null }));

  // No output element, which the label would be of.
  const amount = element("span", {}, String(view.smoothing));
  const smoothing = element("input", { type: "range", name: "smoothing", min: 0, max: 0.99, step: 0.01, value: view.smoothing });
  smoothing.addEventListener("input", () => {
    amount.textContent = smoothing.value;
    view.set({ smoothing: Number(smoothing.value) });
  });

  const logY = box("logarithmic up", view.logY, (isOn) => view.set({ logY: isOn }));
  const logX = box("logarithmic across", view.logX, (isOn) => view.set({ logX: isOn, range: null }));
  const all = element("button", { type: "button" }, "Show all");
  all.addEventListener("click", () => view.zoom(null));
  const showState = () => { all.disabled = view.range === null; };
  view.addEventListener("change", showState);
  showState();

  place.replaceChildren(
    element("label", { className: "field" }, element("span", {}, "Across"), axis),
    element("label", { className: "field" }, element("span", {}, "Smoothing ", amount), smoothing),
    logY, logX, all);
}

function box(name, checked, onChange) {
  const input = element("input", { type: "checkbox", checked });
  input.addEventListener("change", () => onChange(input.checked));
  return element("label", { className: "check" }, input, name);
}
