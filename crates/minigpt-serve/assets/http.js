// Asking the server: JSON, streams of events, its errors in its own words, and its key where it wants one.

import { askForKey } from "/assets/key.js";
import { session } from "/assets/storage.js";

const KEY = "minigpt-key";

/** How often the reader gave no key. */
let refusals = 0;

/** What the server refused or could not do. `message` is for the reader. */
export class ServerError extends Error {
  /**
   * @param {string} message
   * @param {number} status The answer's HTTP status; 0 where none came.
   */
  constructor(message, status) {
    super(message);
    this.name = "ServerError";
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} The answer's JSON.
 * @throws {ServerError}
 */
export async function getJson(path, signal) {
  return json(await send(path, { signal }));
}

/**
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} The answer's JSON.
 * @throws {ServerError}
 */
export async function postJson(path, body, signal) {
  return json(await send(path, posted(body, signal)));
}

/**
 * The JSON of each server-sent event, until `[DONE]` or the end. Aborting the signal ends the request and throws an
 * `AbortError`.
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<any>}
 * @throws {ServerError} Also for an error that comes as an event.
 */
export async function* streamEvents(path, body, signal) {
  const response = await send(path, posted(body, signal));
  for await (const data of eventData(response.body)) {
    if (data === "[DONE]") return;
    const event = parsed(data, response.status);
    if (event.error) throw new ServerError(event.error.message ?? String(event.error), response.status);
    yield event;
  }
}

function posted(body, signal) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
}

/**
 * Asks, with the key if there is one, and for a key as long as the server wants another. A reader who gives none is not
 * asked again for requests that were under way: a page that asks by itself stops at a 401 until the reader acts.
 */
async function send(path, options) {
  const refusalsBefore = refusals;
  for (;;) {
    const key = session.getItem(KEY);
    const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
    const response = await fetched(path, { ...options, headers });
    if (response.ok) return response;
    if (response.status !== 401 || refusals !== refusalsBefore) throw await refusal(response);
    // Meanwhile another request may have been given one.
    if (session.getItem(KEY) === key && !await isGivenAnother(key)) throw await refusal(response);
  }
}

/** Asks the reader for another key than this. */
async function isGivenAnother(key) {
  const given = await askForKey(key ? "The server does not take this API key." : "The server asks for an API key.");
  if (given) session.setItem(KEY, given);
  else refusals += 1;
  return Boolean(given);
}

async function fetched(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer. Is it still running?", 0);
  }
}

/** The server's words for what it refused: OpenAI's form of an error, or plain text. */
async function refusal(response) {
  const text = await response.text();
  let message;
  try {
    message = JSON.parse(text).error.message;
  } catch {
    message = text.trim().slice(0, 500);
  }
  return new ServerError(message || `The server answers ${response.status} ${response.statusText}.`, response.status);
}

async function json(response) {
  return parsed(await response.text(), response.status);
}

function parsed(text, status) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ServerError("The server's answer is not JSON.", status);
  }
}

/** The data of each event of a stream: its `data:` lines, up to an empty line. */
async function* eventData(body) {
  let data = [];
  for await (const line of lines(body)) {
    if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
    if (line === "" && data.length > 0) {
      yield data.join("\n");
      data = [];
    }
  }
  if (data.length > 0) yield data.join("\n");
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const part of parts) yield part.replace(/\r$/, "");
    }
    if (rest) yield rest;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The connection broke before the answer was complete.", 0);
  } finally {
    reader.cancel().catch(() => {}); // whoever stops listening ends the request
  }
}
