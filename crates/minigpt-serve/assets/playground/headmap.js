// All heads of a model, a column for each layer, coloured by what they are found to do.

import { element } from "/assets/dom.js";
import { makeReachable, moveByArrows } from "/assets/playground/focus.js";
import { HABITS } from "/assets/playground/habits.js";

/** @param {(layer: number, head: number) => void} choose */
export function headMap(choose) {
  let layers = 0;
  let habits = null;
  const map = element("div", { className: "headmap", role: "listbox", ariaLabel: "Heads: a column for each layer" });
  const legend = element("p", { className: "habits" }, ...Object.entries(HABITS).map(([key, { name }]) =>
    element("span", { className: `habit ${key}` }, name)));
  const status = element("p", { className: "note", role: "status" });
  const cellOf = (event) => event.target.closest(".head");
  const act = (event) => {
    const cell = cellOf(event);
    if (cell) choose(Number(cell.dataset.layer), Number(cell.dataset.head));
  };
  map.addEventListener("click", act);
  map.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act(event);
  });
  moveByArrows(map, ".head", () => layers);
  const cells = () => map.querySelectorAll(".head");
  const colour = () => {
    for (const cell of cells()) {
      const found = habits?.find((one) => one.layer === Number(cell.dataset.layer) && one.head === Number(cell.dataset.head));
      cell.className = `head ${found?.habit ?? "unknown"}`;
      cell.title = `layer ${cell.dataset.layer}, head ${cell.dataset.head}${found ? `: ${HABITS[found.habit].name}` : ""}`;
      cell.ariaLabel = cell.title;
    }
  };
  return {
    nodes: [map, legend, status],
    /** @param {number} n_layer @param {number} n_head */
    shape(n_layer, n_head) {
      layers = n_layer;
      map.style.setProperty("--layers", String(n_layer));
      const made = Array.from({ length: n_head * n_layer }, (_, place) => {
        const cell = element("span", { role: "option", tabIndex: -1 });
        cell.dataset.head = String(Math.floor(place / n_layer));
        cell.dataset.layer = String(place % n_layer);
        return cell;
      });
      map.replaceChildren(...made);
      made.forEach((cell) => cell.classList.add("head"));
      habits = null;
      colour();
    },
    /** @param {object[] | null} found Habits of all heads, or null while they are measured. @param {string} told */
    habits(found, told) {
      habits = found;
      status.textContent = told;
      colour();
    },
    select(layer, head) {
      for (const cell of cells()) {
        const isChosen = Number(cell.dataset.layer) === layer && Number(cell.dataset.head) === head;
        cell.ariaSelected = String(isChosen);
        if (isChosen) makeReachable(map, ".head", cell);
      }
    },
  };
}
