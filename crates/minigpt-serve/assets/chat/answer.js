// What stands below an answer: the passages it was given, and its figures.

import { element } from "/assets/dom.js";

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/**
 * The figures of an answer, counted here where the server did not get to tell them because the reader stopped it.
 * @param {object} told As `writeInto` tells it.
 * @param {object} card The model, as `/api/models` tells it.
 * @param {boolean} stopped
 */
export function figures({ usage, timings, finish, left_out, pieces, seconds }, card, stopped) {
  return {
    counted: !usage,
    written: usage?.completion_tokens ?? pieces,
    perSecond: timings?.predicted_per_second ?? (pieces > 1 ? (pieces - 1) / seconds : null),
    prompt: usage?.prompt_tokens,
    cached: usage?.prompt_tokens_details?.cached_tokens,
    finish: stopped ? "stopped" : finish,
    context: card.context,
    leftOut: left_out > 0 ? amount(left_out, card.has_template ? "turn" : "token") : null,
  };
}

/** @returns {string} The figures in words. */
export function figuresText(told) {
  if (!told) return "";
  const about = told.counted ? "about " : "";
  const parts = [`${about}${amount(told.written, "token")}`];
  if (told.perSecond) parts.push(`${about}${number.format(told.perSecond)} tokens a second`);
  if (told.prompt !== undefined) parts.push(promptText(told));
  if (told.finish === "stopped") parts.push("stopped");
  if (told.finish === "length") parts.push("ended at the limit of tokens");
  if (told.leftOut) parts.push(`the model did not read the first ${told.leftOut}, for which its context has no room`);
  return parts.join(" · ");
}

function promptText({ prompt, cached, written, context }) {
  const known = cached > 0 ? `, ${number.format(cached)} of them read before` : "";
  const used = context ? ` · ${number.format(prompt + written)} of ${number.format(context)} tokens of context` : "";
  return `prompt of ${amount(prompt, "token")}${known}${used}`;
}

function amount(count, unit) {
  return `${number.format(count)} ${unit}${count === 1 ? "" : "s"}`;
}

/**
 * @param {{ path: string, first_line: number, last_line: number, text: string }[]} passages
 * @returns {HTMLElement} Folded, with the sources in sight when opened.
 */
export function passagesElement(passages) {
  const count = passages.length === 1 ? "1 passage" : `${passages.length} passages`;
  const items = passages.map((passage) =>
    element("li", {}, element("strong", { textContent: source(passage) }), element("blockquote", { textContent: passage.text })));
  return element("details", { className: "passages" },
    element("summary", { textContent: `${count} of your documents: check the answer against them` }),
    element("ol", {}, ...items));
}

/** @returns {string} Where a passage stands. */
export function source({ path, first_line, last_line }) {
  return first_line === last_line ? `${path}, line ${first_line}` : `${path}, lines ${first_line}–${last_line}`;
}
