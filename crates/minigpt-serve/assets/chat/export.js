// A conversation as a file.

import { element } from "/assets/dom.js";
import { source } from "/assets/chat/answer.js";
import { title } from "/assets/chat/conversation.js";

/** @param {import("./conversation.js").Conversation} conversation */
export function saveJson(conversation) {
  const { model, system, settings, turns } = conversation;
  const messages = turns.map(({ role, text, ...more }) => ({ role, content: text, ...more }));
  if (system.trim()) messages.unshift({ role: "system", content: system });
  const changed = new Date(conversation.changed).toISOString();
  save("conversation.json", "application/json", `${JSON.stringify({ model, changed, settings, messages }, null, 2)}\n`);
}

/** @param {import("./conversation.js").Conversation} conversation */
export function saveMarkdown(conversation) {
  const parts = [`# ${title(conversation)}`];
  if (conversation.system.trim()) parts.push("## System", conversation.system);
  for (const { role, text, model, passages } of conversation.turns) {
    parts.push(role === "user" ? "## You" : `## ${model}`, text.trim());
    if (passages?.length) parts.push(passages.map((passage) => `- ${source(passage)}`).join("\n"));
  }
  save("conversation.md", "text/markdown", `${parts.join("\n\n")}\n`);
}

function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000); // the browser has begun to read it by then
}
