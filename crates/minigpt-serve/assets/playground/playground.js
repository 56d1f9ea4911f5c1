// The playground: one text, one model or two, and what is seen of them.

import { element } from "/assets/dom.js";
import { getJson } from "/assets/http.js";
import { AttentionView } from "/assets/playground/attention.js";
import { candidateColumn } from "/assets/playground/candidates.js";
import { lensView } from "/assets/playground/lens.js";
import { areOfOneTokenizer, ids, read } from "/assets/playground/reading.js";
import { SAMPLES } from "/assets/playground/samples.js";
import { cut, draw } from "/assets/playground/sampling.js";
import { sliders } from "/assets/playground/sliders.js";
import { surpriseView } from "/assets/playground/surprise.js";
import { whenSeen } from "/assets/playground/seen.js";

const at = (id) => document.getElementById(id);
const [model, other, text, inside] = ["model", "other", "text", "inside"].map(at);

let cards = [];
/** What is shown: a reading of the text by each model. @type {import("./reading.js").Reading[]} */
let readings = [];
/** The tokens that were shown before, for going back. @type {number[][]} */
let history = [];
/** The token that is looked at further down. */
let selected = 0;
let request = new AbortController();
/** Whether a text is being read. */
let isBusy = false;

const surprise = surpriseView(at("readings"), at("token-detail"), select);
const columns = [candidateColumn(append), candidateColumn(append)];
const sampling = sliders(at("sampling"), showCandidates);
const attention = new AttentionView(at("attention-view"), at("attention").querySelector(".error"), select);
const lens = lensView(at("lens-view"), at("lens").querySelector(".error"));
// What costs the server time is asked for when it is looked at.
const looks = [
  whenSeen(at("attention"), () => attention.show(cardOf(inner().model), inner(), selected)),
  whenSeen(at("lens"), () => lens.show(inner(), selected)),
];

/** Reads what the models shall read; what was on its way is given up. */
async function show(what) {
  request.abort();
  request = new AbortController();
  const { signal } = request;
  const written = text.value;
  at("error").hidden = true;
  setBusy(true);
  try {
    const first = await read(model.value, what, signal);
    const second = other.value ? [await readBeside(first, signal)] : [];
    if (signal.aborted) return false;
    readings = [first, ...second];
    if (text.value === written) text.value = first.text; // else somebody writes meanwhile
    showReadings();
    return true;
  } catch (problem) {
    if (signal.aborted) return false;
    at("error").textContent = problem.message;
    at("error").hidden = false;
    return false;
  } finally {
    if (!signal.aborted) setBusy(false);
  }
}

function setBusy(isReading) {
  isBusy = isReading;
  document.body.ariaBusy = String(isReading);
  // Not disabled, which would take the focus from whoever steps by the keyboard.
  for (const id of ["step", "greedy", "back"]) at(id).ariaDisabled = String(isReading);
}

/** The same tokens by the other model, if they mean the same to it, else the same text. */
async function readBeside(first, signal) {
  if (cardOf(other.value).vocabulary === cardOf(first.model).vocabulary) {
    const same = await read(other.value, { tokens: ids(first) }, signal).catch(() => null);
    if (same && areOfOneTokenizer(first, same)) return same;
  }
  return read(other.value, { text: first.text }, signal);
}

function showReadings() {
  const [first] = readings;
  selected = first.tokens.length - 1;
  inside.closest("label").hidden = readings.length === 1;
  inside.replaceChildren(...readings.map((reading) => option(reading.model, reading.model, inside.value)));
  surprise.show(readings);
  surprise.select(selected);
  showCandidates();
  for (const look of looks) look.stale();
}

function showCandidates() {
  if (readings.length === 0) return;
  const [first] = readings;
  const settings = sampling.settings();
  readings.forEach((reading, number) => {
    const name = readings.length > 1 ? reading.model : "";
    const canChoose = !isFull() && !isEdited() && (number === 0 || areOfOneTokenizer(first, reading));
    columns[number].show(reading, settings, name, canChoose);
  });
  at("candidates").replaceChildren(...columns.slice(0, readings.length).map(({ node }) => node));
  for (const id of ["step", "greedy"]) at(id).disabled = isFull() || isEdited();
  showBack();
  at("length").textContent = state(first);
}

function showBack() {
  at("back").disabled = history.length === 0;
}

function state({ tokens, context }) {
  if (isEdited()) return "The text or the model was changed: read it to go on.";
  return isFull() ? `The context of ${context} tokens is full.` : `${tokens.length} of ${context} tokens`;
}

function isFull() {
  return readings[0].tokens.length >= readings[0].context;
}

/** Whether the text or the model is another one than was read. */
function isEdited() {
  const [first] = readings;
  const inField = first.text.replace(/\r\n?/g, "\n"); // which has no other end of a line
  return text.value !== inField || model.value !== first.model;
}

/** Goes on with a token. */
async function append(id) {
  if (isBusy) return;
  const before = ids(readings[0]);
  if (await show({ tokens: [...before, id] })) remember(before);
}

function remember(tokens) {
  history.push(tokens);
  showBack();
}

/** Goes back to the tokens before. */
async function goBack() {
  if (isBusy) return;
  if (await show({ tokens: history.at(-1) })) history.pop();
  showBack();
}

/** The same again, as the models that are chosen now read it. */
function showAgain() {
  return show(readings.length === 0 || isEdited() ? { text: text.value } : { tokens: ids(readings[0]) });
}

/** Looks at a token further down. */
function select(place) {
  selected = place;
  surprise.select(place);
  attention.select(place);
  looks[1].stale();
}

/** The reading whose inside is shown. */
function inner() {
  return readings.find((reading) => reading.model === inside.value) ?? readings[0];
}

function cardOf(id) {
  return cards.find((card) => card.id === id);
}

function option(value, name, chosen) {
  return element("option", { value, selected: value === chosen }, name);
}

async function readText() {
  if (cards.length === 0) return; // no model, or not yet
  const before = readings.length > 0 ? ids(readings[0]) : null;
  if (await show({ text: text.value }) && before) remember(before);
}

function listen() {
  at("source").addEventListener("submit", (event) => {
    event.preventDefault();
    readText();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      readText();
    }
  });
  model.addEventListener("change", () => {
    history = []; // another model's tokens
    sampling.offer(cardOf(model.value).defaults); // shows that nothing goes on from the old model's text
    show({ text: text.value });
  });
  other.addEventListener("change", showAgain);
  text.addEventListener("input", showCandidates);
  inside.addEventListener("change", () => looks.forEach((look) => look.stale()));
  at("step").addEventListener("click", () => {
    const [{ logits, order }] = readings;
    append(order[draw(cut(logits, order, sampling.settings()), Math.random())]);
  });
  at("greedy").addEventListener("click", () => append(readings[0].order[0]));
  at("back").addEventListener("click", goBack);
  at("samples").append(...SAMPLES.map((sample) => {
    const button = element("button", { type: "button", className: "small" }, sample.name);
    button.addEventListener("click", () => {
      text.value = sample.text;
      readText();
    });
    return button;
  }));
}

async function begin() {
  listen();
  text.value = SAMPLES[0].text;
  try {
    ({ models: cards } = await getJson("/api/models"));
  } catch (problem) {
    at("error").textContent = problem.message;
    at("error").hidden = false;
    return;
  }
  if (cards.length === 0) {
    at("error").textContent = "No model is served here: start minigpt serve with one.";
    at("error").hidden = false;
    return;
  }
  model.append(...cards.map(({ id }) => option(id, id, "")));
  other.append(...cards.map(({ id }) => option(id, id, "")));
  for (const control of [model, other, at("read")]) control.disabled = false;
  sampling.offer(cards[0].defaults);
  await show({ text: text.value });
}

begin();
