// The rows of a run, asked for as they come.

import { getJson } from "/assets/http.js";

/** Columns of numbers by split, as a row has them. */
const COLUMNS = ["step", "tokens", "seconds", "loss", "learning_rate", "grad_norm", "tokens_per_second"];

/**
 * @typedef {Record<string, number[]>} Table Values by column, in the order of the rows.
 */

export class RunRows {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    this.#clear();
  }

  /** @type {Record<string, Table>} By split: `train`, `valid`, `average`. */
  tables;
  /** What the server said first of a damaged line. @type {string | null} */
  problem;
  #lines;
  #last;

  #clear() {
    const table = () => Object.fromEntries(COLUMNS.map((column) => [column, []]));
    this.tables = { train: table(), valid: table(), average: table() };
    this.problem = null;
    this.#lines = 0;
    this.#last = "";
  }

  /**
   * Asks for the lines that came since. It asks for the last known line too: where that is another now, the run was
   * resumed from before it, and all is read again.
   * @returns {Promise<boolean>} Whether there is anything new.
   */
  async update() {
    let [isNew, isFromStart] = [false, false];
    for (;;) {
      const after = Math.max(0, this.#lines - 1);
      const answer = await getJson(`/api/runs/${encodeURIComponent(this.name)}/metrics?after=${after}`);
      const known = this.#lines > 0;
      if (known && JSON.stringify(answer.rows[0]) !== this.#last) {
        this.#clear();
        if (isFromStart) return true; // it changes as we read: the next look finds it at rest
        [isNew, isFromStart] = [true, true];
        continue;
      }
      const rows = known ? answer.rows.slice(1) : answer.rows;
      this.#add(answer.columns, rows);
      this.problem ??= answer.problem;
      isNew ||= rows.length > 0;
      if (!answer.more) return isNew;
    }
  }

  #add(columns, rows) {
    if (rows.length === 0) return;
    const places = COLUMNS.map((column) => columns.indexOf(column));
    const split = columns.indexOf("split");
    for (const row of rows) {
      const table = row && this.tables[row[split]]; // a damaged line is null
      if (!table) continue;
      COLUMNS.forEach((column, number) => table[column].push(row[places[number]] ?? NaN));
    }
    this.#lines += rows.length;
    this.#last = JSON.stringify(rows.at(-1));
  }
}
