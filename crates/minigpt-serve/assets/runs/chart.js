// One picture: the curves of one quantity of the chosen runs, with what it means and the values at the cursor.

import { element } from "/assets/dom.js";
import { AXES, nearest, points } from "/assets/runs/curve.js";
import { number } from "/assets/runs/format.js";
import { listen } from "/assets/runs/gestures.js";
import { axes, cursor, curves } from "/assets/runs/picture.js";
import { padded, scale } from "/assets/runs/scale.js";
import { svg } from "/assets/runs/svg.js";

const MARGIN = { left: 58, right: 12, top: 8, bottom: 38 };

/**
 * @typedef {{ name: string, colour: number, rows: import("./rows.js").RunRows }} ShownRun
 * @typedef {{ run: ShownRun, line: any, points: import("./curve.js").Points }} Series
 */

export class Chart {
  /** @type {ShownRun[]} */
  #runs = [];
  /** @type {Series[]} */
  #series = [];
  #x = scale([0, 1], [0, 1], false);
  #y = scale([0, 1], [1, 0], false);

  /**
   * @param {import("./quantities.js").Quantity} quantity
   * @param {import("./view.js").View} view
   */
  constructor(quantity, view) {
    this.quantity = quantity;
    this.view = view;
    const id = `chart-${quantity.id}`;
    this.svg = svg("svg", { class: "chart", role: "img", tabindex: 0, "aria-labelledby": id, "aria-describedby": "keys" });
    this.cursorLayer = svg("g");
    this.readout = element("ul", { className: "readout" });
    // Read aloud while somebody reads values by keys, not with every step of a run.
    this.svg.addEventListener("focus", () => { this.readout.ariaLive = "polite"; });
    this.svg.addEventListener("blur", () => { this.readout.ariaLive = "off"; });
    this.element = element("figure", {},
      element("h3", { id }, quantity.title, element("small", { className: "note" }, ` ${quantity.unit}`)),
      element("p", { className: "note" }, quantity.meaning),
      this.svg,
      this.readout);
    this.element.dataset.quantity = quantity.id;
    view.addEventListener("change", () => this.#draw());
    view.addEventListener("cursor", () => this.#drawCursor());
    listen(this.svg, view, { scale: () => this.#x, edges: () => this.#edges() });
    new ResizeObserver(() => this.#draw()).observe(this.svg);
  }

  /** @param {ShownRun[]} runs */
  show(runs) {
    this.#runs = runs;
    this.#draw();
  }

  /** The pixels between which curves are drawn. @returns {[number, number]} */
  #edges() {
    return [MARGIN.left, Math.max(MARGIN.left + 1, this.svg.clientWidth - MARGIN.right)];
  }

  #draw() {
    const { view, quantity } = this;
    this.#series = this.#runs.flatMap((run) => quantity.lines.map((line) => {
      const smoothing = line.isSmoothed ? view.smoothing : 0;
      return { run, line, points: points(run.rows.tables[line.split], line.value, view, smoothing) };
    })).filter(({ points }) => points.xs.length > 0);
    const [left, right] = this.#edges();
    const [top, bottom] = [MARGIN.top, Math.max(MARGIN.top + 1, this.svg.clientHeight - MARGIN.bottom)];
    const range = this.#range();
    this.#x = scale(range, [left, right], view.logX);
    this.#y = scale(this.#domain(range), [bottom, top], view.logY);
    const [x, y] = [this.#x, this.#y];
    const frame = { left, right, top, bottom };
    const unit = AXES[view.axis].unit;
    this.svg.replaceChildren(
      svg("title", {}, `${quantity.title} of ${this.#runs.length} runs by ${unit}`),
      ...axes(x, y, frame, unit),
      curves(this.#series, x, y, frame, range, `clip-${quantity.id}`),
      this.cursorLayer);
    if (this.#series.length === 0) {
      const middle = { class: "tick", x: (left + right) / 2, y: (top + bottom) / 2, "text-anchor": "middle" };
      this.svg.append(svg("text", middle, this.#runs.length ? "nothing measured yet" : "no run is ticked"));
    }
    this.#drawCursor();
  }

  /** What is seen of the horizontal axis; on a logarithmic one from the first point on. */
  #range() {
    const [from, to] = this.view.seen;
    if (!this.view.logX || from > 0) return [from, to];
    const firsts = this.#series.map(({ points }) => points.xs[0]);
    const first = firsts.length ? Math.min(...firsts) : 1;
    return [first, Math.max(to, first * 1.01)];
  }

  /** The values to be seen of the points in range. */
  #domain([from, to]) {
    let [low, high] = [Infinity, -Infinity];
    for (const { points } of this.#series) {
      points.xs.forEach((x, place) => {
        if (x < from || x > to) return;
        low = Math.min(low, points.ys[place]);
        high = Math.max(high, points.ys[place]);
      });
    }
    if (low > high) return this.view.logY ? [1, 10] : [0, 1];
    if (this.quantity.fromZero && !this.view.logY) low = 0;
    const domain = padded([low, high], this.view.logY);
    return this.quantity.fromZero && !this.view.logY ? [0, domain[1]] : domain;
  }

  #drawCursor() {
    const { view } = this;
    const at = view.cursor;
    const found = this.#series.map(({ run, line, points }) => {
      const place = at === null ? points.xs.length - 1 : nearest(points.xs, at);
      return { run, line, x: points.xs[place], y: points.ys[place] };
    });
    const marked = at === null ? [] : cursor(at, found, this.#x, this.#y, this.svg.clientHeight - MARGIN.bottom, MARGIN.top);
    this.cursorLayer.replaceChildren(...marked);
    this.readout.replaceChildren(...this.#runs.map((run) => {
      const values = found.filter((value) => value.run === run);
      const words = values.map((value) => this.#words(value)).join("; ");
      return element("li", {},
        element("span", { className: `swatch series-${run.colour}` }),
        element("strong", {}, run.name),
        ` ${words || "nothing to draw"}`);
    }));
  }

  /** A value that was read, and where: validations are further apart than steps. */
  #words({ line, x, y }) {
    const { view, quantity } = this;
    const smoothed = line.isSmoothed && view.smoothing > 0 ? ", smoothed" : "";
    return `${line.name} ${quantity.format(y)} at ${AXES[view.axis].at(number(x))}${smoothed}`;
  }
}
