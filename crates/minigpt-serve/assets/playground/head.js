// One head: its attention as a picture, and from or to a token as shades on the text.

import { element } from "/assets/dom.js";
import { cellAt, heatCanvas, paint, strength } from "/assets/playground/heat.js";
import { tokenRow } from "/assets/playground/tokens.js";
import { percent, quoted } from "/assets/playground/words.js";

/** Pixels of the picture's side. */
const SIDE = 512;
/** Tokens that are named with their weights, and the least weight of one. */
const [NAMED, LEAST] = [5, 0.01];

export class HeadView {
  #tokens = [];
  /** Weights of each token on those up to itself. */
  #rows = [];
  #selected = 0;
  /** Whether it is shown who looks at the selected token, not what that looks at. */
  #isBack = false;

  /** @param {(place: number) => void} choose Called with a token that was chosen. */
  constructor(choose) {
    this.title = element("h3");
    this.words = element("p", { className: "note" });
    this.detail = element("p", { className: "detail", ariaLive: "polite" });
    this.canvas = this.#picture(choose);
    const tell = (place) => this.#tell(...(this.#isBack ? [place, this.#selected] : [this.#selected, place]));
    this.row = tokenRow("Attention of the chosen token", tell, choose);
    this.directions = [this.#direction(false, "what it looks at"), this.#direction(true, "who looks at it")];
    this.node = element("div", { className: "one-head" },
      element("div", { className: "picture" }, this.canvas,
        element("p", { className: "note" }, "Each row is a token that looks, each column one that it looks at, from the first to the last. Columns of colour are tokens that all look at; a diagonal is a fixed distance.")),
      element("div", {}, this.title, this.words,
        element("div", { className: "row", role: "group", ariaLabel: "Direction" },
          element("span", { className: "note" }, "Of the outlined token:"), ...this.directions),
        this.row.node, this.detail));
  }

  /**
   * @param {string} name
   * @param {string} habit In words.
   * @param {{label: string}[]} tokens
   * @param {number[][]} weights
   * @param {number} place The chosen token.
   */
  show(name, habit, tokens, weights, place) {
    if (this.#tokens !== tokens) this.row.show(tokens);
    [this.#tokens, this.#rows, this.#selected] = [tokens, weights, place];
    this.title.textContent = name;
    this.words.textContent = habit;
    this.#draw();
  }

  #picture(choose) {
    const canvas = heatCanvas(SIDE);
    const cell = (event) => cellAt(canvas, event, this.#rows.length);
    canvas.addEventListener("pointermove", (event) => this.#tell(cell(event).row, cell(event).column));
    canvas.addEventListener("click", (event) => choose(cell(event).row));
    return canvas;
  }

  #direction(isBack, text) {
    const button = element("button", { type: "button", className: "small" }, text);
    button.addEventListener("click", () => {
      this.#isBack = isBack;
      this.#draw();
    });
    return button;
  }

  #draw() {
    this.directions.forEach((button, back) => { button.ariaPressed = String(Boolean(back) === this.#isBack); });
    paint(this.canvas, this.#rows, this.#selected);
    this.row.shade((place) => ({ name: "attention", amount: strength(this.#shown(place)) * 0.8 }));
    this.row.select(this.#selected);
    this.detail.textContent = this.#most();
  }

  /** The weight between the selected token and another, in the direction that is shown. */
  #shown(place) {
    return this.#isBack ? this.#weight(place, this.#selected) : this.#weight(this.#selected, place);
  }

  #weight(from, to) {
    return this.#rows[from]?.[to] ?? 0;
  }

  /** One weight in words. */
  #tell(from, to) {
    const [looks, seen] = [from, to].map((place) => quoted(this.#tokens[place].label));
    this.detail.textContent = to > from ? `${looks} cannot see ${seen}: it comes later.`
      : `${looks} gives ${seen} ${percent(this.#weight(from, to))} of its attention.`;
  }

  /** The largest weights in words. */
  #most() {
    const weights = this.#tokens.map(({ label }, place) => ({ label, part: this.#shown(place) }));
    const most = weights.sort((one, other) => other.part - one.part).slice(0, NAMED).filter(({ part }) => part >= LEAST);
    const listed = most.map(({ label, part }) => `${quoted(label)} ${percent(part)}`).join(", ");
    const chosen = quoted(this.#tokens[this.#selected].label);
    return this.#isBack ? `Tokens that give ${chosen} most of their attention: ${listed || "none gives it 1 %"}.`
      : `${chosen} looks most at ${listed}.`;
  }
}
