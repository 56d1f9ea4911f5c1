// Conversations in this browser: each under a key of its own, so that two open pages do not overwrite each other's.

const PREFIX = "minigpt-chat-";
const CURRENT = "minigpt-chat-current";

/** @returns {import("./conversation.js").Conversation[]} The newest first; what cannot be read is passed over. */
export function conversations() {
  const found = [];
  for (let place = 0; place < localStorage.length; place += 1) {
    const key = localStorage.key(place);
    if (!key.startsWith(PREFIX)) continue;
    try {
      const conversation = JSON.parse(localStorage.getItem(key));
      if (Array.isArray(conversation.turns)) found.push(conversation);
    } catch {
      // Another program's, or damaged.
    }
  }
  return found.sort((one, other) => other.changed - one.changed);
}

/**
 * What is written is kept so far; an answer of which nothing came is not.
 * @throws {Error} Where the browser has no more room, in words for the reader.
 */
export function keep(conversation) {
  const turns = conversation.turns.filter(({ text, passages }) => text || passages);
  try {
    localStorage.setItem(PREFIX + conversation.id, JSON.stringify({ ...conversation, turns }));
  } catch {
    throw new Error("The browser has no room for more conversations: export and delete some.");
  }
}

export function forget(conversation) {
  localStorage.removeItem(PREFIX + conversation.id);
}

/** Which conversation this tab shows, for when it is loaded again. */
export function current() {
  return sessionStorage.getItem(CURRENT);
}

export function setCurrent(conversation) {
  sessionStorage.setItem(CURRENT, conversation.id);
}
