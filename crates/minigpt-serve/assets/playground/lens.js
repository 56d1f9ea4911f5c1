// The logit lens: what each layer would have said after each of the last tokens.

import { element } from "/assets/dom.js";
import { postJson } from "/assets/http.js";
import { makeReachable, moveByArrows } from "/assets/playground/focus.js";
import { ids } from "/assets/playground/reading.js";
import { percent, quoted } from "/assets/playground/words.js";

/** Positions at once; the server tells of 16 at most. */
const POSITIONS = 10;

/**
 * @param {HTMLElement} container
 * @param {HTMLElement} error
 */
export function lensView(container, error) {
  let request = new AbortController();
  const detail = element("p", { className: "detail", ariaLive: "polite" });
  const table = element("table", { className: "lens" });
  const wide = element("div", { className: "wide", tabIndex: -1 }, table);
  container.replaceChildren(wide, detail);
  let columns = 1;
  moveByArrows(table, "td", () => columns);

  return {
    /**
     * @param {import("./reading.js").Reading} reading
     * @param {number} place The last position that is shown.
     */
    async show(reading, place) {
      request.abort();
      request = new AbortController();
      const { signal } = request;
      const to = Math.min(reading.tokens.length, place + 1);
      const from = Math.max(0, to - POSITIONS);
      error.hidden = true;
      try {
        const { layers } = await postJson("/api/lens", { model: reading.model, tokens: ids(reading), from, to }, signal);
        if (signal.aborted) return;
        columns = to - from;
        fill(layers, reading.tokens.slice(from, to));
        wide.scrollLeft = wide.scrollWidth; // the last column is what comes next
      } catch (problem) {
        if (signal.aborted) return;
        error.textContent = problem.message;
        error.hidden = false;
      }
    },
  };

  function fill(layers, tokens) {
    const final = layers.at(-1).positions.map(([best]) => best.id);
    const head = element("tr", {}, element("th", { scope: "col" }, "after"),
      ...tokens.map(({ label }) => element("th", { scope: "col" }, label)));
    const rows = layers.map(({ name, positions }) => element("tr", {}, element("th", { scope: "row" }, name),
      ...positions.map((candidates, column) => cell(name, tokens[column].label, candidates, final[column]))));
    table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
    const last = table.querySelector("tbody tr:last-child td:last-child");
    if (last) makeReachable(table, "td", last);
    detail.textContent = "Look at a cell for its three most probable tokens.";
  }

  function cell(layer, after, candidates, final) {
    const [best] = candidates;
    const made = element("td", { tabIndex: -1, className: best.id === final ? "final" : "" }, best.label);
    made.style.setProperty("--shade", "var(--attention)");
    made.style.setProperty("--amount", `${(80 * best.probability).toFixed(1)}%`);
    const listed = candidates.map(({ label, probability }) => `${quoted(label)} ${percent(probability)}`).join(", ");
    made.title = listed;
    const tell = () => { detail.textContent = `After ${quoted(after)}, ${layer} says ${listed}.`; };
    made.addEventListener("pointerenter", tell);
    made.addEventListener("focus", tell);
    return made;
  }
}
