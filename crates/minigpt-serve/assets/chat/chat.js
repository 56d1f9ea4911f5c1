// The chat page: which conversation is shown, and what its parts do together.

import { getJson } from "/assets/http.js";
import { element } from "/assets/dom.js";
import { figures } from "/assets/chat/answer.js";
import { composer } from "/assets/chat/composer.js";
import { showControls } from "/assets/chat/controls.js";
import { newConversation } from "/assets/chat/conversation.js";
import { emptyState, noModel } from "/assets/chat/empty.js";
import { saveJson, saveMarkdown } from "/assets/chat/export.js";
import { showList } from "/assets/chat/list.js";
import { panels } from "/assets/chat/panels.js";
import { writeInto } from "/assets/chat/request.js";
import { speaker } from "/assets/chat/spoken.js";
import { conversations, current, forget, keep, kept, onOthers, setCurrent } from "/assets/chat/store.js";
import { problemElement, thread } from "/assets/chat/thread.js";
import { isKept } from "/assets/storage.js";

const part = (id) => document.getElementById(id);

let cards = [];
let index = false;
/** @type {import("./conversation.js").Conversation} */
let conversation;
/** The answer that is being written: how to stop it, and a promise of its end. */
let writing = null;
/** What says that the conversation could not be kept, while it says so. */
let unkept = null;

const turns = thread(part("turns"), { again, change });
const box = composer({ form: part("composer"), message: part("message"), send: part("send"), stop: part("stop") }, say, stop);
const sides = panels([
  { button: part("show-list"), panel: part("list") },
  { button: part("show-settings"), panel: part("settings") },
]);

part("new").addEventListener("click", () => open(newConversation(conversation)));
part("model").addEventListener("change", (event) => {
  conversation.model = event.target.value;
  changed();
  draw();
});
part("export-markdown").addEventListener("click", () => saveMarkdown(conversation));
part("export-json").addEventListener("click", () => saveJson(conversation));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
addEventListener("pagehide", () => {
  if (writing) changed();
});
onOthers((id) => {
  if (!conversation) return;
  const later = kept(id);
  if (id === conversation.id && later && !writing) show(later);
  else drawList();
});
if (!isKept) part("kept").textContent = "This browser keeps nothing: conversations are lost when this page is closed.";

begin();

async function begin() {
  for (const id of ["model", "new", "export-markdown", "export-json"]) part(id).disabled = true;
  box.setEnabled(false);
  try {
    const told = await getJson("/api/models");
    index = told.index;
    cards = told.models.map((card) => ({ ...card, max_tokens: told.max_tokens }));
  } catch (error) {
    turns.showInstead(problemElement(error, begin));
    return;
  }
  if (cards.length === 0) {
    turns.showInstead(noModel());
    return;
  }
  part("model").replaceChildren(...cards.map(({ id, base }) =>
    element("option", { value: id, textContent: base ? `${id} (adapter of ${base})` : id })));
  for (const id of ["model", "new"]) part(id).disabled = false;
  box.setEnabled(true);
  await open(kept(current()) ?? newConversation(conversations()[0]));
}

function card() {
  return cards.find(({ id }) => id === conversation.model) ?? cards[0];
}

/** Opens one of the list, as it is kept now; the one that is shown stays as it is. */
async function choose(id) {
  const chosen = id === conversation.id ? null : kept(id);
  if (chosen) await open(chosen);
  else sides.closeOnNarrow();
}

async function open(chosen) {
  await stop();
  show(chosen);
  setCurrent(conversation);
  sides.closeOnNarrow();
  // On a touch screen the keyboard would cover the page.
  if (matchMedia("(pointer: fine)").matches) box.focus();
}

function show(chosen) {
  conversation = chosen;
  conversation.model = card().id;
  draw();
}

/** Keeps the conversation, once it has begun. */
function changed() {
  if (conversation.turns.length === 0) return;
  unkept?.remove();
  try {
    keep(conversation);
  } catch (error) {
    unkept = turns.problem(error, () => {
      changed();
      box.focus();
    });
  }
}

function draw() {
  const model = card();
  part("model").value = model.id;
  box.setKind(model.has_template);
  showControls(part("controls"), conversation, model, index, changed);
  turns.show(conversation, emptyState(model, index, box.suggest));
  drawList();
}

function drawList() {
  showList(part("conversations"), conversations(), conversation.id, { choose, remove });
  for (const id of ["export-markdown", "export-json"]) part(id).disabled = conversation.turns.length === 0;
}

async function remove(id) {
  if (!confirm("Delete this conversation? It is kept nowhere else.")) return;
  const shown = id === conversation.id;
  if (shown) await stop();
  forget(id);
  if (shown) await open(newConversation(conversation));
  else drawList();
}

/** What the reader wrote. A model that only continues may be sent nothing, to go on. */
function say(text) {
  const goesOn = !card().has_template && conversation.turns.length > 0;
  if (writing || (!text.trim() && !goesOn)) return false;
  if (text) {
    const turn = { role: "user", text };
    conversation.turns.push(turn);
    turns.add(turn);
  }
  answer();
  return true;
}

function again() {
  if (writing) return;
  if (conversation.turns.at(-1)?.role === "assistant") conversation.turns.pop();
  goOn();
}

/** What is written meanwhile is dropped with all that follows the turn. */
async function change(turn, text) {
  await stop();
  if (!conversation.turns.includes(turn)) return; // another conversation was opened
  conversation.turns.splice(conversation.turns.indexOf(turn) + 1);
  turn.text = text;
  delete turn.figures; // of another text
  if (turn.role === "user") goOn();
  else {
    changed();
    draw();
  }
}

/** Has an answer written to what is left of the conversation. */
function goOn() {
  turns.show(conversation, "");
  box.focus();
  answer();
}

/** Stops the answer that is written, if any, and waits for its end; also of one that began meanwhile. */
async function stop() {
  while (writing) {
    writing.controller.abort();
    await writing.ended;
  }
}

function answer() {
  const controller = new AbortController();
  writing = { controller };
  writing.ended = written(controller.signal);
}

async function written(signal) {
  const model = card();
  const turn = { role: "assistant", text: "", model: model.id };
  const voice = speaker(part("spoken"));
  conversation.changed = Date.now();
  changed();
  conversation.turns.push(turn);
  turns.add(turn);
  turns.grow(turn);
  box.setWriting(true);
  drawList();

  const show = painter(() => {
    if (writing) turns.grow(turn);
  });
  const told = await writeInto(turn, conversation, model, index, signal, (text) => {
    voice.more(text);
    show();
  });

  const gone = !turn.text && !turn.passages;
  if (gone) conversation.turns.pop();
  else turn.figures = figures(told, model, signal.aborted);
  turns.end(turn, gone);
  voice.end(signal.aborted ? "Stopped." : "");
  writing = null;
  box.setWriting(false);
  changed();
  drawList();
  if (told.error) turns.problem(told.error, again);
}

/** Draws at most once for each picture of the screen. */
function painter(paint) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      paint();
    });
  };
}
