// What stands below an answer: the passages it was given, and its figures.

import { element } from "/assets/dom.js";

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/**
 * The figures of an answer, counted here where the server did not get to tell them because the reader stopped it.
 * @param {{ usage?: object, timings?: object, finish?: string, pieces: number, seconds: number, stopped: boolean, context: number }} told
 */
export function figures({ usage, timings, finish, pieces, seconds, stopped, context }) {
  return {
    counted: !usage,
    written: usage?.completion_tokens ?? pieces,
    perSecond: timings?.predicted_per_second ?? (pieces > 1 ? (pieces - 1) / seconds : null),
    prompt: usage?.prompt_tokens,
    cached: usage?.prompt_tokens_details?.cached_tokens,
    finish: stopped ? "stopped" : finish,
    context,
  };
}

/** @returns {string} The figures in words. */
export function figuresText(told) {
  if (!told) return "";
  const about = told.counted ? "about " : "";
  const parts = [`${about}${tokens(told.written)}`];
  if (told.perSecond) parts.push(`${about}${number.format(told.perSecond)} tokens a second`);
  if (told.prompt !== undefined) parts.push(promptText(told));
  if (told.finish === "stopped") parts.push("stopped");
  if (told.finish === "length") parts.push("ended at the limit of tokens");
  return parts.join(" · ");
}

function promptText({ prompt, cached, written, context }) {
  const known = cached > 0 ? `, ${number.format(cached)} of them read before` : "";
  const used = context ? ` · ${number.format(prompt + written)} of ${number.format(context)} tokens of context` : "";
  return `prompt of ${tokens(prompt)}${known}${used}`;
}

function tokens(count) {
  return `${number.format(count)} ${count === 1 ? "token" : "tokens"}`;
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
