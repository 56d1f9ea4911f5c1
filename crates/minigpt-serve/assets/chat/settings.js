// How an answer is drawn: what can be set, its limits, and what each means.

/**
 * `usual` is what the server takes where neither the reader nor the model says otherwise.
 * @typedef {{ name: string, label: string, note: string, min: number, max?: number, step: number, usual: number | string }} Setting
 * @type {Setting[]}
 */
export const SETTINGS = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: 0.1, usual: 1,
    note: "0 always takes the most likely token. Higher values give more varied text." },
  { name: "top_k", label: "Top-k", min: 0, step: 1, usual: 0,
    note: "Draws only from the k most likely tokens. 0 is off." },
  { name: "top_p", label: "Top-p", min: 0, max: 1, step: 0.05, usual: 1,
    note: "Draws only from the most likely tokens that together have this probability. 1 is off." },
  { name: "min_p", label: "Min-p", min: 0, max: 1, step: 0.01, usual: 0,
    note: "Leaves out tokens less likely than this share of the most likely one. 0 is off." },
  { name: "repetition_penalty", label: "Repetition penalty", min: 0.5, max: 2, step: 0.05, usual: 1,
    note: "Above 1, tokens that are in the text already become less likely. 1 is off." },
  { name: "max_tokens", label: "Longest answer, in tokens", min: 1, step: 1, usual: "what the context holds",
    note: "A token is a word or a part of one." },
  { name: "seed", label: "Seed", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, usual: "another each time",
    note: "The same seed gives the same answer to the same question." },
];

/** Tokens that a model which only continues adds at a time: it mostly finds no end by itself. */
const CONTINUED_TOKENS = 200;

/**
 * @param {object} card The model, as `/api/models` tells it.
 * @returns {number} Half the context at most: the other half is what the model reads of the text.
 */
export function continuedTokens({ context, max_tokens }) {
  return Math.min(CONTINUED_TOKENS, max_tokens, Math.ceil(context / 2));
}

/**
 * @param {Setting} setting
 * @param {object} card The model, as `/api/models` tells it.
 * @returns {number | string} What counts where the reader sets nothing.
 */
export function usual(setting, card) {
  if (setting.name !== "max_tokens") return card.defaults?.[setting.name] ?? setting.usual;
  if (!card.has_template) return continuedTokens(card);
  return card.max_tokens < card.context ? `up to ${card.max_tokens.toLocaleString("en")}` : setting.usual;
}
