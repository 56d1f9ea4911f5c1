// The table of runs: sortable, with a box to tick for each.

import { element } from "/assets/dom.js";
import { NOTHING, count, loss, moment, number } from "/assets/runs/format.js";

/**
 * Columns: how a run's cell is filled, by what it is sorted, and whether it is a number.
 * @type {Array<{ id: string, name: string, value: (run: any) => any, text?: (run: any) => string, isNumber?: boolean }>}
 */
const COLUMNS = [
  { id: "name", name: "Run", value: (run) => run.name },
  { id: "state", name: "State", value: (run) => run.state, text: state },
  { id: "step", name: "Step", value: (run) => run.step, text: steps, isNumber: true },
  { id: "train", name: "Training", value: (run) => run.train_loss, text: (run) => loss(run.train_loss), isNumber: true },
  { id: "valid", name: "Validation", value: (run) => run.valid_loss, text: (run) => loss(run.valid_loss), isNumber: true },
  { id: "best", name: "Best", value: (run) => run.best?.loss, text: best, isNumber: true },
  { id: "speed", name: "Tokens/s", value: (run) => run.tokens_per_second,
    text: (run) => number(run.tokens_per_second), isNumber: true },
  { id: "parameters", name: "Parameters", value: (run) => run.parameters, text: (run) => number(run.parameters), isNumber: true },
  { id: "started", name: "Began", value: (run) => run.started, text: (run) => moment(run.started), isNumber: true },
  { id: "data", name: "Data", value: (run) => run.data, text: (run) => [run.task, run.data].filter(Boolean).join(": ") || NOTHING },
  { id: "device", name: "Device", value: (run) => run.device, text: (run) => run.device ?? NOTHING },
];

export class RunList {
  /** Lines of the table by run: kept, so that what is focused stays. */
  #lines = new Map();
  #runs = [];
  #sorted = { column: "started", isRising: false };
  #body = element("tbody");
  #heads = new Map();

  /**
   * @param {HTMLElement} place
   * @param {import("./choice.js").Choice} choice
   */
  constructor(place, choice) {
    this.choice = choice;
    const heads = COLUMNS.map((column) => this.#head(column));
    const table = element("table", { className: "list" },
      element("caption", { className: "unseen" }, "Runs: losses in nats per token"),
      element("thead", {}, element("tr", {}, element("th", {}, element("span", { className: "unseen" }, "Drawn")), ...heads)),
      this.#body);
    place.replaceChildren(table);
    choice.addEventListener("change", () => this.#tick());
    this.#showOrder();
  }

  /** @param {any[]} runs As `/api/runs` has them. */
  show(runs) {
    this.#runs = runs;
    const names = new Set(runs.map((run) => run.name));
    for (const [name, line] of this.#lines) {
      if (names.has(name)) continue;
      line.row.remove();
      this.#lines.delete(name);
    }
    for (const run of runs) {
      if (!this.#lines.has(run.name)) this.#lines.set(run.name, this.#line(run.name));
      fill(this.#lines.get(run.name), run);
    }
    this.#order();
    this.#tick();
  }

  #head(column) {
    const button = element("button", { className: "plain small", type: "button" }, column.name);
    button.addEventListener("click", () => {
      const isSame = this.#sorted.column === column.id;
      this.#sorted = { column: column.id, isRising: isSame ? !this.#sorted.isRising : true };
      this.#showOrder();
      this.#order();
    });
    const head = element("th", { className: `${column.id}${column.isNumber ? " number" : ""}`, scope: "col" }, button);
    this.#heads.set(column.id, head);
    return head;
  }

  #line(name) {
    const box = element("input", { type: "checkbox" });
    box.setAttribute("aria-label", `Draw ${name}`);
    box.addEventListener("change", () => this.choice.set(name, box.checked));
    const swatch = element("span", { className: "swatch" });
    const cells = COLUMNS.map((column) => element(column.id === "name" ? "th" : "td",
      { className: `${column.id}${column.isNumber ? " number" : ""}` }));
    cells[0].scope = "row";
    const row = element("tr", {}, element("td", {}, element("label", { className: "check" }, box, swatch)), ...cells);
    row.dataset.run = name;
    return { row, box, swatch, cells };
  }

  /** Puts the lines in order; moves none that stands where it should. */
  #order() {
    const { column, isRising } = this.#sorted;
    const { value } = COLUMNS.find(({ id }) => id === column);
    const sorted = [...this.#runs].sort((one, other) => compare(value(one), value(other), isRising));
    const focused = document.activeElement;
    sorted.forEach((run, place) => {
      const { row } = this.#lines.get(run.name);
      const there = this.#body.children[place];
      if (there !== row) this.#body.insertBefore(row, there ?? null);
    });
    if (focused instanceof HTMLElement && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  #showOrder() {
    for (const [id, head] of this.#heads) {
      const isSorted = id === this.#sorted.column;
      head.ariaSort = !isSorted ? "none" : this.#sorted.isRising ? "ascending" : "descending";
    }
  }

  #tick() {
    for (const [name, { box, swatch }] of this.#lines) {
      const colour = this.choice.colour(name);
      box.checked = colour !== null;
      box.disabled = colour === null && this.choice.isFull;
      swatch.className = colour === null ? "swatch" : `swatch series-${colour}`;
    }
  }
}

function fill({ row, cells }, run) {
  row.dataset.state = run.state;
  COLUMNS.forEach((column, place) => {
    const text = column.text ? column.text(run) : String(column.value(run) ?? NOTHING);
    if (cells[place].textContent !== text) cells[place].textContent = text;
  });
  row.title = run.problem ?? "";
}

/** Empty values come last, either way. */
function compare(one, other, isRising) {
  const [noOne, noOther] = [one ?? null, other ?? null].map((value) => value === null);
  if (noOne || noOther) return Number(noOne) - Number(noOther);
  const order = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
  return isRising ? order : -order;
}

function state(run) {
  const done = run.steps ? ` ${Math.min(100, Math.floor(100 * run.step / run.steps))} %` : "";
  return run.state === "training" ? `training${done}` : run.state;
}

function steps(run) {
  return run.steps && run.steps !== run.step ? `${count(run.step)} of ${count(run.steps)}` : count(run.step);
}

function best(run) {
  return run.best ? `${loss(run.best.loss)} at ${count(run.best.step)}` : NOTHING;
}
