// Conversations in this browser: each under a key of its own, so that two open pages do not overwrite each other's.

import { local, session } from "/assets/storage.js";

const PREFIX = "minigpt-chat-";
const CURRENT = "minigpt-chat-current";

/** @returns {import("./conversation.js").Conversation[]} The newest first; what cannot be read is passed over. */
export function conversations() {
  const found = [];
  for (let place = 0; place < local.length; place += 1) {
    const key = local.key(place);
    const conversation = key.startsWith(PREFIX) && kept(key.slice(PREFIX.length));
    if (conversation) found.push(conversation);
  }
  return found.sort((one, other) => other.changed - one.changed);
}

/** @returns {import("./conversation.js").Conversation | null} As it is kept now; null where it is not, or is damaged. */
export function kept(id) {
  try {
    const conversation = JSON.parse(local.getItem(PREFIX + id));
    return Array.isArray(conversation?.turns) ? conversation : null;
  } catch {
    return null;
  }
}

/**
 * Tells of each conversation that another tab keeps or deletes.
 * @param {(id: string) => void} tell
 */
export function onOthers(tell) {
  addEventListener("storage", ({ key }) => {
    if (key?.startsWith(PREFIX)) tell(key.slice(PREFIX.length));
  });
}

/**
 * What is written is kept so far; an answer of which nothing came is not.
 * @throws {Error} Where the browser has no more room, in words for the reader.
 */
export function keep(conversation) {
  const turns = conversation.turns.filter(({ text, passages }) => text || passages);
  try {
    local.setItem(PREFIX + conversation.id, JSON.stringify({ ...conversation, turns }));
  } catch {
    throw new Error("The browser has no room for more conversations: export and delete some.");
  }
}

export function forget(id) {
  local.removeItem(PREFIX + id);
}

/** Which conversation this tab shows, for when it is loaded again. */
export function current() {
  return session.getItem(CURRENT);
}

export function setCurrent(conversation) {
  session.setItem(CURRENT, conversation.id);
}
