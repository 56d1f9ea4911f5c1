// What heads are found to do, in words.

import { getJson } from "/assets/http.js";
import { percent } from "/assets/playground/words.js";

/** Each habit's name, and what it means. Their colours are in the style sheet, by the same keys. */
export const HABITS = {
  previous: { name: "the token before", means: "It carries each token to the next place, which other heads build on." },
  itself: { name: "the token itself", means: "It works on a token alone and mixes little." },
  first: { name: "the first token", means: "Heads rest there when they have nothing to add: an attention sink." },
  induction: { name: "what followed the same token before", means: "It continues repetitions: an induction head." },
  spread: { name: "nothing in particular", means: "None of the four: what it attends to depends on the text." },
};

/** By model. @type {Map<string, object[]>} */
const measured = new Map();

/**
 * What each head of a model does, measured once.
 * @param {string} model
 * @returns {Promise<object[]>} The heads of `/api/habits`.
 */
export async function habitsOf(model) {
  if (!measured.has(model)) measured.set(model, (await getJson(`/api/habits?model=${encodeURIComponent(model)}`)).heads);
  return measured.get(model);
}

/**
 * A head's habit in a sentence.
 * @param {object} head Of `/api/habits`: mean attention on each target, and the habit.
 */
export function inWords(head) {
  const { name, means } = HABITS[head.habit];
  const targets = ["previous", "itself", "first", "induction"];
  const means_of = targets.map((target) => `${percent(head[target])} on ${HABITS[target].name}`).join(", ");
  return `Its habit: ${name}. ${means} Measured on a novel: ${means_of}; its attention is ${percent(head.spread)} as spread as it could be.`;
}
