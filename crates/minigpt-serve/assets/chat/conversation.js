// A conversation as plain data, which is also what the browser keeps.

/**
 * @typedef {object} Turn
 * @property {"user" | "assistant"} role
 * @property {string} text
 * @property {string} [model] Who answered.
 * @property {object[]} [passages] What an index had about the question, as the server tells it.
 * @property {object} [figures] See `figures` in answer.js.
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {number} changed Milliseconds, as `Date.now()`.
 * @property {string} model
 * @property {string} system
 * @property {Record<string, number>} settings Only what the reader has set; the rest is the model's default.
 * @property {number} passages How many of an index go with a question.
 * @property {Turn[]} turns
 */

/**
 * @param {Conversation} [like] One whose model and settings are taken over.
 * @returns {Conversation}
 */
export function newConversation(like) {
  // Not crypto.randomUUID, which browsers keep from pages of other machines without TLS.
  const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
  return {
    id,
    changed: Date.now(),
    model: like?.model ?? "",
    system: "",
    settings: { ...like?.settings },
    passages: like?.passages ?? 3,
    turns: [],
  };
}

/** What it is called in a list: how it begins. */
export function title(conversation) {
  const text = conversation.turns.find((turn) => turn.text.trim())?.text.trim() ?? "New conversation";
  const line = text.split("\n")[0];
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

/** The messages for a model that was taught to answer: an unanswered question is one with the next. */
export function messages(conversation) {
  const said = conversation.system.trim() ? [{ role: "system", content: conversation.system }] : [];
  for (const { role, text } of conversation.turns) {
    const before = said.at(-1);
    if (!text) continue;
    if (before?.role === role) before.content += `\n\n${text}`;
    else said.push({ role, content: text });
  }
  return said;
}

/** The text for a model that only continues: all turns as one. */
export function wholeText(conversation) {
  return conversation.turns.map((turn) => turn.text).join("");
}
