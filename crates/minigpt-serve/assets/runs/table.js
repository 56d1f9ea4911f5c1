// A table with a column for each run.

import { element } from "/assets/dom.js";

/**
 * @param {string} corner What stands over the names of the rows.
 * @param {Array<{ name: string, colour: number }>} runs
 * @param {string[][]} rows A name, then a text for each run.
 */
export function table(corner, runs, rows) {
  const head = ({ name, colour }) =>
    element("th", { scope: "col" }, element("span", { className: `swatch series-${colour}` }), name);
  const body = rows.map(([name, ...values]) => {
    const row = element("tr", {}, element("th", { scope: "row" }, name), ...values.map((value) => element("td", {}, value)));
    row.dataset.name = name;
    return row;
  });
  return element("table", { className: "beside" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, corner), ...runs.map(head))),
    element("tbody", {}, ...body));
}
