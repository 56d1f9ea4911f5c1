// Follows the runs of the server's folder, and draws those that are ticked.

import { getJson } from "/assets/http.js";
import { Chart } from "/assets/runs/chart.js";
import { Choice } from "/assets/runs/choice.js";
import { showControls } from "/assets/runs/controls.js";
import { Details } from "/assets/runs/details.js";
import { showFacts } from "/assets/runs/facts.js";
import { RunList } from "/assets/runs/list.js";
import { QUANTITIES } from "/assets/runs/quantities.js";
import { RunRows } from "/assets/runs/rows.js";
import { Samples } from "/assets/runs/samples.js";
import { Settings } from "/assets/runs/settings.js";
import { View } from "/assets/runs/view.js";

/** Milliseconds between two looks, while a run trains and while none does: then one may begin. */
const [OFTEN, SELDOM] = [1_500, 15_000];

const place = (id) => document.getElementById(id);
const view = new View();
const choice = new Choice();
const details = new Details();
const list = new RunList(place("list"), choice);
const charts = QUANTITIES.map((quantity) => new Chart(quantity, view));
const samples = new Samples(place("samples"));
const settings = new Settings(place("settings"));
/** Rows by run, of those that were ever ticked. @type {Map<string, RunRows>} */
const rows = new Map();
/** How each run was when its rows were asked for. @type {Map<string, string>} */
const looked = new Map();
/** What `/api/runs` said last. */
let told = { runs: [], current: null, folder: "", left_out: 0 };
let timer = 0;
let isLooking = false;
/** Whether somebody ticked a run meanwhile. */
let isWaitedFor = false;
/** Whether the server wants a key that the reader did not give. */
let isRefused = false;

showControls(place("controls"), view);
place("charts").append(...charts.map((chart) => chart.element));
choice.addEventListener("change", () => look());
document.addEventListener("visibilitychange", () => {
  if (!isRefused) look();
});
look();

/** Asks for what is new, shows it, and comes back in a while; not while nobody looks. */
async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  if (isLooking) {
    isWaitedFor = true;
    return;
  }
  [isLooking, isWaitedFor, isRefused] = [true, false, false];
  try {
    told = await getJson("/api/runs");
    chooseFirst();
    list.show(told.runs);
    await Promise.all(chosen().map(ask));
    await show();
    tellError("");
  } catch (error) {
    isRefused = error.status === 401;
    tellError(words(error));
  }
  isLooking = false;
  if (isRefused) return;
  const isTraining = told.runs.some((run) => run.state === "training") || told.current !== null;
  timer = setTimeout(look, isWaitedFor ? 0 : isTraining ? OFTEN : SELDOM);
}

/** Somebody who names no run means the one that trains here, or the newest. */
function chooseFirst() {
  if (choice.names.length > 0 || chooseFirst.isDone) return;
  const first = told.current ? told.runs.find((run) => run.name === told.current) : told.runs[0];
  if (!first) return;
  chooseFirst.isDone = true;
  choice.set(first.name, true);
}
chooseFirst.isDone = choice.names.length > 0;

/** The ticked runs that there are. */
function chosen() {
  return choice.names.map((name) => told.runs.find((run) => run.name === name)).filter(Boolean);
}

/** Asks for a run's new rows and for what its files say, where either may have changed. */
async function ask(run) {
  const { name, state, changed, step } = run;
  if (!rows.has(name)) rows.set(name, new RunRows(name));
  const now = `${state} ${changed} ${step}`;
  const asked = [details.update(run)];
  if (state === "training" || looked.get(name) !== now) asked.push(rows.get(name).update());
  const failed = (await Promise.allSettled(asked)).find(({ status }) => status === "rejected");
  // A run whose files cannot be read is told of in the table; the others are drawn.
  if (failed && failed.reason.status !== 422) throw failed.reason;
  looked.set(name, now);
}

async function show() {
  const runs = chosen().map((overview) => {
    const { name } = overview;
    const known = details.of(name);
    const prompt = known?.config?.sample?.prompt ?? "";
    return { name, overview, prompt, colour: choice.colour(name), rows: rows.get(name), details: known };
  });
  view.tables = runs.flatMap(({ rows }) => Object.values(rows.tables));
  for (const chart of charts) chart.show(runs);
  settings.show(runs);
  showFacts(place("facts"), runs);
  await samples.update(runs.filter(({ overview }) => overview.state !== "damaged"));
  tellStatus();
}

function tellStatus() {
  const { runs, folder, current, left_out: leftOut } = told;
  const training = runs.filter((run) => run.state === "training").length;
  const text = runs.length === 0
    ? `${folder} holds no runs yet${current ? `: ${current} begins in a moment` : ": minigpt train makes one"}.`
    : `${folder}: ${runs.length} ${runs.length === 1 ? "run" : "runs"}, ${training || "none"} training`
      + `${leftOut ? `; ${leftOut} older ones are not listed` : ""}.`;
  if (place("status").textContent !== text) place("status").textContent = text;
}

/** What went wrong and what follows. The server of a run ends with it; a key is asked for again when the reader acts. */
function words({ status, message }) {
  if (status === 401) return "The server asks for an API key: load this page again to give one.";
  if (status === 0 && told.current) return `${message} A run's own pages end with it: minigpt serve shows it again.`;
  return `${message} Trying again.`;
}

function tellError(text) {
  place("error").textContent = text;
  place("error").hidden = text === "";
}
