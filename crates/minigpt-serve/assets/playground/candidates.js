// The next token's candidates as bars, and what each cut of sampling takes away.

import { element } from "/assets/dom.js";
import { cut } from "/assets/playground/sampling.js";
import { grouped, percent } from "/assets/playground/words.js";

/** Bars at first, and after each further request for more. */
const BARS = 16;

/**
 * A column of bars.
 * @param {(id: number) => void} choose Called with a candidate that was clicked.
 */
export function candidateColumn(choose) {
  const list = element("ol", { className: "bars" });
  const masses = element("div", { className: "masses" });
  const told = element("p", { className: "note" });
  const more = element("button", { type: "button", className: "small plain" }, "More");
  const title = element("h3");
  let shown = BARS;
  let last = null;
  const node = element("div", { className: "column" }, title, masses, told, list, more);
  const column = {
    node,
    /**
     * @param {import("./reading.js").Reading} reading
     * @param {import("./sampling.js").Settings} settings
     * @param {string} name Of the column; empty where there is but one.
     * @param {boolean} canChoose
     */
    show(reading, settings, name, canChoose) {
      if (last?.reading !== reading) shown = BARS;
      last = { reading, settings, name, canChoose };
      const rest = cut(reading.logits, reading.order, settings);
      title.textContent = name;
      title.hidden = name === "";
      showMasses(masses, told, rest, reading.order.length);
      const most = Math.min(reading.labels.size, reading.order.length);
      list.replaceChildren(...bars(reading, rest, Math.min(shown, most), canChoose, choose));
      more.hidden = shown >= most;
    },
  };
  more.addEventListener("click", () => {
    const { reading, settings, name, canChoose } = last;
    shown *= 2;
    column.show(reading, settings, name, canChoose);
  });
  return column;
}

function bars(reading, rest, count, canChoose, choose) {
  const places = Array.from({ length: count }, (_, place) => place);
  const final = (place) => (place < rest.kept ? rest.probabilities[place] / rest.mass : 0);
  const widest = Math.max(final(0), rest.probabilities[0]);
  return places.map((place) => {
    const id = reading.order[place];
    const by = rest.cuts.find(({ kept }) => place >= kept)?.name;
    const bar = element("span", { className: "bar" }, element("span", { className: "fill" }));
    bar.style.setProperty("--before", `${(100 * rest.probabilities[place] / widest).toFixed(2)}%`);
    bar.style.setProperty("--after", `${(100 * final(place) / widest).toFixed(2)}%`);
    const label = reading.labels.get(id);
    const number = by ? `cut by ${by}` : percent(final(place));
    const button = element("button", {
      type: "button", className: by ? "candidate cut" : "candidate", disabled: !canChoose,
      title: `“${label}”, token ${id}: ${percent(rest.probabilities[place])} at this temperature${by ? `, cut by ${by}` : `, ${percent(final(place))} after the cuts`}`,
    }, element("span", { className: "label" }, label), bar, element("span", { className: "number" }, number));
    button.addEventListener("click", () => choose(id));
    return element("li", {}, button);
  });
}

/** All probability as one bar: what is kept, and what each cut took. */
function showMasses(masses, told, rest, all) {
  const parts = [{ name: "kept", removed: rest.mass }, ...rest.cuts.filter(({ removed }) => removed > 0)];
  masses.replaceChildren(...parts.map(({ name, removed }) => {
    const part = element("span", { className: `mass ${name}`, title: `${name}: ${percent(removed)}` });
    part.style.setProperty("--part", String(removed));
    return part;
  }));
  let before = all;
  const words = rest.cuts.flatMap(({ name, kept, removed }) => {
    const tokens = before - kept;
    before = kept;
    return tokens > 0 ? [`${name} cuts ${grouped(tokens)} tokens with ${percent(removed)}`] : [];
  });
  const left = `${grouped(rest.kept)} of ${grouped(all)} tokens may be drawn, with ${percent(rest.mass)} of the probability`;
  told.textContent = words.length > 0 ? `${words.join("; ")}. ${left}.` : `Nothing is cut: ${left}.`;
}
