// A text as a model reads it: asked of the server.

import { postJson } from "/assets/http.js";
import { ordered } from "/assets/playground/sampling.js";

/**
 * @typedef {object} Token
 * @property {number} id
 * @property {string} label
 * @property {number} [nats] How much the model was surprised; the first follows nothing.
 * @property {number} [probability]
 * @property {number} [rank] From 1.
 *
 * @typedef {object} Reading
 * @property {string} model
 * @property {string} text
 * @property {Token[]} tokens
 * @property {Float32Array} logits Of the token after the last.
 * @property {Uint32Array} order Ids by logits, largest first.
 * @property {Map<number, string>} labels Of the most probable ids.
 * @property {number} context
 */

/**
 * @param {string} model
 * @param {{text: string} | {tokens: number[]}} what
 * @param {AbortSignal} signal
 * @returns {Promise<Reading>}
 */
export async function read(model, what, signal) {
  const answer = await postJson("/api/read", { model, ...what }, signal);
  const logits = floats(answer.logits);
  const labels = new Map(answer.labels.map(({ id, label }) => [id, label]));
  return { ...answer, model, logits, order: ordered(logits), labels };
}

/** The ids of a reading. */
export function ids(reading) {
  return reading.tokens.map((token) => token.id);
}

/** Whether two readings are of the same tokens. */
export function areOfOneTokenizer(one, other) {
  const same = (token, place) => token.id === other.tokens[place].id && token.label === other.tokens[place].label;
  return one.logits.length === other.logits.length && one.tokens.length === other.tokens.length && one.tokens.every(same);
}

/** Little-endian 32-bit floats in base64. */
function floats(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, place) => view.getFloat32(4 * place, true));
}
