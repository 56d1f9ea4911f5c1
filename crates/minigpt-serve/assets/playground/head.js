// One head: its attention as a picture, and from or to a token as shades on the text.

import { element } from "/assets/dom.js";
import { cellAt, heatCanvas, paint, strength } from "/assets/playground/heat.js";
import { tokenRow } from "/assets/playground/tokens.js";
import { percent, quoted } from "/assets/playground/words.js";

/** Pixels of the picture's side. */
const SIDE = 512;
/** Tokens that are named with their weights. */
const NAMED = 5;

/** @param {(place: number) => void} choose Called with a token that was chosen. */
export function headView(choose) {
  let tokens = [];
  let rows = [];
  let selected = 0;
  let isBack = false;
  const canvas = heatCanvas(SIDE);
  const detail = element("p", { className: "detail", ariaLive: "polite" });
  const words = element("p", { className: "note" });
  const title = element("h3");
  const weight = (from, to) => rows[from]?.[to] ?? 0;
  const tell = (from, to) => {
    detail.textContent = to > from ? `${quoted(tokens[from].label)} cannot see ${quoted(tokens[to].label)}: it comes later.`
      : `${quoted(tokens[from].label)} gives ${quoted(tokens[to].label)} ${percent(weight(from, to))} of its attention.`;
  };
  const row = tokenRow("Attention of the chosen token",
    (place) => (isBack ? tell(place, selected) : tell(selected, place)), choose);
  const direction = [false, true].map((back) => {
    const text = back ? "who looks at it" : "what it looks at";
    const button = element("button", { type: "button", className: "small" }, text);
    button.addEventListener("click", () => {
      isBack = back;
      draw();
    });
    return button;
  });
  canvas.addEventListener("pointermove", (event) => {
    const { row: from, column: to } = cellAt(canvas, event, rows.length);
    tell(from, to);
  });
  canvas.addEventListener("click", (event) => choose(cellAt(canvas, event, rows.length).row));

  function draw() {
    if (rows.length === 0) return;
    direction.forEach((button, back) => { button.ariaPressed = String(Boolean(back) === isBack); });
    paint(canvas, rows, selected);
    const weightOf = (place) => (isBack ? weight(place, selected) : weight(selected, place));
    row.shade((place) => ({ name: "attention", amount: strength(weightOf(place)) * 0.8 }));
    row.select(selected);
    const most = tokens.map(({ label }, place) => ({ label, part: weightOf(place) }))
      .sort((a, b) => b.part - a.part).slice(0, NAMED).filter(({ part }) => part >= 0.01);
    const listed = most.map(({ label, part }) => `${quoted(label)} ${percent(part)}`).join(", ");
    const chosen = quoted(tokens[selected].label);
    detail.textContent = isBack ? `Tokens that give ${chosen} most of their attention: ${listed || "none gives it 1 %"}.`
      : `${chosen} looks most at ${listed}.`;
  }

  return {
    node: element("div", { className: "one-head" },
      element("div", { className: "picture" }, canvas,
        element("p", { className: "note" }, "Each row is a token that looks, each column one that it looks at, from the first to the last. Columns of colour are tokens that all look at; a diagonal is a fixed distance.")),
      element("div", {}, title, words,
        element("div", { className: "row", role: "group", ariaLabel: "Direction" }, element("span", { className: "note" }, "Of the outlined token:"), ...direction),
        row.node, detail)),
    /**
     * @param {string} name
     * @param {string} habit In words.
     * @param {{label: string}[]} shown The tokens.
     * @param {number[][]} weights
     * @param {number} place The chosen token.
     */
    show(name, habit, shown, weights, place) {
      if (tokens !== shown) row.show(shown);
      [tokens, rows, selected] = [shown, weights, place];
      title.textContent = name;
      words.textContent = habit;
      draw();
    },
    repaint: draw,
  };
}
