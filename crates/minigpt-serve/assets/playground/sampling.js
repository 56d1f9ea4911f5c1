// From logits to probabilities, and what temperature, top-k, top-p and min-p leave of them: as `minigpt generate` has it.

/**
 * @typedef {object} Settings
 * @property {number} temperature Divides the logits; 0 leaves the most probable token alone.
 * @property {number} topK Tokens kept; 0 keeps all.
 * @property {number} topP The most probable tokens that reach this probability together are kept; 1 keeps all.
 * @property {number} minP Tokens below this part of the most probable one's probability are cut; 0 keeps all.
 */

/** Nothing cut, nothing sharpened. @type {Settings} */
export const UNTOUCHED = { temperature: 1, topK: 0, topP: 1, minP: 0 };

/**
 * The ids by their logits, largest first, of equal ones the lowest first; without those that cannot come.
 * @param {Float32Array} logits
 * @returns {Uint32Array}
 */
export function ordered(logits) {
  const ids = Uint32Array.from(logits.keys()).filter((id) => logits[id] !== -Infinity);
  return ids.sort((a, b) => logits[b] - logits[a] || a - b);
}

/**
 * What is left of a distribution. Each cut keeps the first of the order, so that it is told by how many.
 * @typedef {object} Cut
 * @property {Float64Array} probabilities Of the order's ids, at the temperature, before any cut.
 * @property {{name: string, kept: number, removed: number}[]} cuts In their order: tokens kept after each, and the
 *   probability that it removed.
 * @property {number} kept Tokens that may be drawn.
 * @property {number} mass Their probability before they are made to sum to one.
 */

/**
 * @param {Float32Array} logits
 * @param {Uint32Array} order
 * @param {Settings} settings
 * @returns {Cut}
 */
export function cut(logits, order, { temperature, topK, topP, minP }) {
  const probabilities = tempered(logits, order, temperature);
  let kept = order.length;
  const cuts = [];
  const keep = (name, wanted) => {
    const least = Math.max(1, Math.min(kept, wanted));
    cuts.push({ name, kept: least, removed: sum(probabilities, least, kept) });
    kept = least;
  };
  keep("temperature", temperature === 0 ? 1 : kept);
  keep("top-k", topK > 0 ? topK : kept);
  keep("top-p", topP < 1 ? reaching(probabilities, topP * sum(probabilities, 0, kept)) : kept);
  keep("min-p", minP > 0 ? atLeast(probabilities, minP * probabilities[0], kept) : kept);
  return { probabilities, cuts, kept, mass: sum(probabilities, 0, kept) };
}

/**
 * @param {Cut} cut
 * @param {number} uniform The chance, in [0, 1).
 * @returns {number} The place in the order of the token that is drawn.
 */
export function draw({ probabilities, kept, mass }, uniform) {
  let passed = 0;
  for (let place = 0; place < kept; place += 1) {
    passed += probabilities[place] / mass;
    if (uniform < passed) return place;
  }
  return kept - 1; // rounding can leave the sum just below the chance
}

/** At temperature 0 as at 1: the cut to one token is what it does. */
function tempered(logits, order, temperature) {
  const largest = logits[order[0]];
  const odds = Float64Array.from(order, (id) => Math.exp((logits[id] - largest) / (temperature || 1)));
  const total = sum(odds, 0, odds.length);
  return odds.map((odd) => odd / total);
}

function sum(values, from, to) {
  let total = 0;
  for (let place = from; place < to; place += 1) total += values[place];
  return total;
}

/** How many of the first it takes to reach a probability. */
function reaching(probabilities, wanted) {
  let reached = 0;
  const last = probabilities.findIndex((probability) => {
    reached += probability;
    return reached >= wanted;
  });
  return last < 0 ? probabilities.length : last + 1;
}

function atLeast(probabilities, least, kept) {
  const first = probabilities.findIndex((probability) => probability < least);
  return first < 0 ? kept : first;
}
