// Asking for an answer, of a model that answers or of one that continues, and one form of what comes back.

import { streamEvents } from "/assets/http.js";
import { messages, wholeText } from "/assets/chat/conversation.js";
import { continuedTokens } from "/assets/chat/settings.js";

/**
 * Has an answer written into a turn.
 * @param {import("./conversation.js").Turn} turn The last of the conversation's, still empty.
 * @param {import("./conversation.js").Conversation} conversation
 * @param {object} card The model, as `/api/models` tells it.
 * @param {boolean} index Whether the server has an index.
 * @param {AbortSignal} signal
 * @param {(text: string) => void} onMore Told of each piece of text, once it is in the turn.
 * @returns {Promise<{ usage?: object, timings?: object, finish?: string, left_out?: number, pieces: number, seconds: number, error?: Error }>}
 *   What is known of the answer besides, and what ended it too early, unless the signal did.
 */
export async function writeInto(turn, conversation, card, index, signal, onMore) {
  const told = { pieces: 0, seconds: 0 };
  let first = null;
  try {
    for await (const event of events(conversation, card, index, signal)) {
      if (event.passages) turn.passages = event.passages;
      for (const name of ["usage", "timings", "finish", "left_out"]) told[name] = event[name] ?? told[name];
      turn.text += event.text;
      if (event.text) {
        first ??= performance.now();
        told.pieces += 1;
        told.seconds = (performance.now() - first) / 1000;
      }
      if (event.text || event.passages) onMore(event.text);
    }
  } catch (error) {
    if (!signal.aborted) told.error = error;
  }
  return told;
}

/** The oldest part of what no longer fits the context is left out, and told of: the conversation goes on. */
async function* events(conversation, card, index, signal) {
  const [path, asked] = card.has_template
    ? ["/v1/chat/completions", chatBody(conversation, index)]
    : ["/v1/completions", { prompt: wholeText(conversation), max_tokens: continuedTokens(card) }];
  const streamed = { stream: true, stream_options: { include_usage: true } };
  const body = { model: card.id, ...asked, ...conversation.settings, truncate_prompt: true, ...streamed };
  for await (const { choices, passages, usage, timings, left_out } of streamEvents(path, body, signal)) {
    const choice = choices?.[0];
    const text = choice?.delta?.content ?? choice?.text ?? "";
    yield { text, passages, usage, timings, left_out, finish: choice?.finish_reason };
  }
}

function chatBody(conversation, index) {
  const passages = index && conversation.passages > 0 ? { passages: conversation.passages } : {};
  return { messages: messages(conversation), ...passages };
}
