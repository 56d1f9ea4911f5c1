// A text's tokens coloured by surprise, of one model or of two and what lies between them.

import { element } from "/assets/dom.js";
import { areOfOneTokenizer } from "/assets/playground/reading.js";
import { tokenRow } from "/assets/playground/tokens.js";
import { percent, quoted, signed } from "/assets/playground/words.js";

/** Nats from which on a token has the full colour. */
const FULL = 10;
/** The same of a difference. */
const FULL_DIFFERENCE = 4;

/**
 * @param {HTMLElement} container
 * @param {HTMLElement} detail Tells of the token under the pointer or the focus.
 * @param {(place: number) => void} choose Called with a token of the first model that was chosen.
 */
export function surpriseView(container, detail, choose) {
  let readings = [];
  let chosen = null;
  let rows = [];
  const mark = () => rows.forEach(({ isFirst, row }) => isFirst && row.select(chosen));
  return {
    /** @param {import("./reading.js").Reading[]} shown One, or two. */
    show(shown) {
      readings = shown;
      rows = readings.map((reading, number) => surpriseRow(reading, detail, number === 0 ? choose : () => {}, number === 0));
      if (readings.length === 2) rows.push(difference(readings, detail, choose));
      const heads = readings.length > 1;
      container.replaceChildren(...rows.map(({ title, told, row, isDifference }) => element("div", { className: "reading" },
        ...(heads || isDifference ? [element("h3", {}, title)] : []), ...(row ? [row.node] : []),
        element("p", { className: "note" }, told))));
      mark();
    },
    select(place) {
      chosen = place;
      mark();
    },
  };
}

function surpriseRow(reading, detail, choose, isFirst) {
  const tell = (place) => { detail.textContent = told(reading, place); };
  const row = tokenRow(`Tokens as ${reading.model} reads them`, tell, choose);
  row.show(reading.tokens);
  row.shade((place) => ({ name: "surprise", amount: (reading.tokens[place].nats ?? 0) / FULL }));
  return { title: reading.model, told: inAll(reading), row, isFirst };
}

function told(reading, place) {
  const { label, id, nats, probability, rank } = reading.tokens[place];
  if (nats === undefined) return `${quoted(label)} (token ${id}) is the first: nothing stands before it, so nothing was expected.`;
  const others = rank === 1 ? "it was the most probable token" : `${rank - 1} tokens were more probable`;
  return `${quoted(label)} (token ${id}): probability ${percent(probability)}, ${nats.toFixed(2)} nats, rank ${rank}; ${others}.`;
}

function inAll(reading) {
  const nats = total(reading);
  const predicted = reading.tokens.length - 1;
  if (predicted === 0) return "One token, and nothing to expect it by.";
  const bits = nats / Math.LN2 / Math.max(1, [...reading.text].length);
  return `${reading.tokens.length} tokens of at most ${reading.context}; ${(nats / predicted).toFixed(2)} nats a token, ${bits.toFixed(2)} bits a character, perplexity ${Math.exp(nats / predicted).toFixed(1)}.`;
}

function total(reading) {
  return reading.tokens.reduce((sum, { nats = 0 }) => sum + nats, 0);
}

/** What the second model expected less, or more, than the first. */
function difference(readings, detail, choose) {
  const [one, other] = readings;
  const title = "Between them";
  const all = total(other) - total(one);
  const better = all < 0 ? other.model : one.model;
  const sum = `Over the whole text ${better} is less surprised, by ${Math.abs(all).toFixed(2)} nats.`;
  if (!areOfOneTokenizer(one, other)) {
    return { title, told: `The two cut the text into different tokens, which cannot be set against each other one by one. ${sum}`, isDifference: true };
  }
  const between = (place) => (other.tokens[place].nats ?? 0) - (one.tokens[place].nats ?? 0);
  const tell = (place) => {
    const [{ label, nats }, { nats: theirs }] = [one.tokens[place], other.tokens[place]];
    detail.textContent = nats === undefined ? `${quoted(label)} is the first.`
      : `${quoted(label)}: ${nats.toFixed(2)} nats by ${one.model}, ${theirs.toFixed(2)} by ${other.model}: ${signed(between(place))}.`;
  };
  const row = tokenRow("Differences of surprise", tell, choose);
  row.show(one.tokens);
  row.shade((place) => ({ name: between(place) < 0 ? "second" : "first", amount: Math.abs(between(place)) / FULL_DIFFERENCE }));
  const legend = `Blue tokens were less surprising to ${one.model}, green ones to ${other.model}; full colour is ${FULL_DIFFERENCE} nats or more. ${sum}`;
  return { title, told: legend, row, isFirst: true, isDifference: true };
}
