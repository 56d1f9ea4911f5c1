// What a run's files say beside its rows; asked for again when the run's state changes, and sometimes while it trains.

import { getJson } from "/assets/http.js";

/** An evaluation may be made of a run at any time. */
const FRESH = 30_000;

export class Details {
  /** By run: what was told, of which state, when. */
  #known = new Map();

  /** @returns {any} What is known of a run; nothing yet. */
  of(name) {
    return this.#known.get(name)?.told ?? null;
  }

  /**
   * @param {any} overview As `/api/runs` has it.
   * @returns {Promise<boolean>} Whether there is anything new.
   */
  async update({ name, state }) {
    const known = this.#known.get(name);
    if (known?.state === state && performance.now() - known.at < FRESH) return false;
    const told = await getJson(`/api/runs/${encodeURIComponent(name)}`);
    this.#known.set(name, { told, state, at: performance.now() });
    return true;
  }
}
