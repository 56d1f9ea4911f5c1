// The heads of a layer side by side, each as a small picture of its attention.

import { element } from "/assets/dom.js";
import { HABITS } from "/assets/playground/habits.js";
import { heatCanvas, paint } from "/assets/playground/heat.js";

/** Pixels of a picture's side. */
const SIDE = 96;

/** @param {(head: number) => void} choose Called with a head that was chosen. */
export function headStrip(choose) {
  const node = element("div", { className: "strip", role: "group", ariaLabel: "Heads of the layer" });
  return {
    node,
    /**
     * @param {number[][][]} heads The weights of each.
     * @param {number} chosen
     * @param {(head: number) => string | undefined} habitOf A key of `HABITS`, where the habit is known.
     */
    show(heads, chosen, habitOf) {
      // The same buttons as long as there are as many heads, so that what is focused stays.
      if (node.children.length !== heads.length) node.replaceChildren(...heads.map((_, head) => picture(head, choose)));
      heads.forEach((weights, head) => {
        const button = node.children[head];
        button.ariaPressed = String(head === chosen);
        showHabit(button, habitOf(head));
        paint(button.firstChild, weights);
      });
    },
  };
}

function picture(head, choose) {
  const button = element("button", { type: "button", className: "small-head" },
    heatCanvas(SIDE), element("span", { textContent: `head ${head}` }));
  button.addEventListener("click", () => choose(head));
  return button;
}

function showHabit(button, habit) {
  button.title = habit ? `Looks at ${HABITS[habit].name}` : "";
  button.lastChild.className = `habit ${habit ?? "unknown"}`;
}
