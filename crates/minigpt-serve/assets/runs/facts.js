// What was measured of each run, on what it ran, and how fast.

import { element } from "/assets/dom.js";
import { NOTHING, count, duration, loss, number } from "/assets/runs/format.js";
import { table } from "/assets/runs/table.js";

/** @type {Array<[string, (run: any) => string]>} */
const FACTS = [
  ["State", ({ overview }) => overview.state + (overview.problem ? `: ${overview.problem}` : "")],
  ["Steps", ({ overview }) => `${count(overview.step)}${overview.steps ? ` of ${count(overview.steps)}` : ""}`],
  ["Time", ({ overview }) => duration(overview.seconds)],
  ["Tokens seen", ({ overview }) => count(overview.tokens)],
  ["Speed", ({ overview }) => speed(overview)],
  ["Device", ({ overview }) => overview.device ?? NOTHING],
  ["Parameters", ({ overview }) => count(overview.parameters)],
  ["Data", ({ overview }) => overview.data ?? NOTHING],
  ["Best validation", ({ overview }) => validation(overview.best)],
  ["… bits per byte", ({ details }) => number(details?.summary?.best?.bits_per_byte)],
  ["… word perplexity", ({ details }) => number(details?.summary?.best?.word_perplexity)],
  ["Made with", ({ details }) => made(details?.environment)],
  ["Command", ({ details }) => details?.environment?.command.join(" ") ?? NOTHING],
];

/**
 * @param {HTMLElement} place
 * @param {Array<{ name: string, colour: number, overview: any, details: any, rows: import("./rows.js").RunRows }>} runs
 */
export function showFacts(place, runs) {
  if (runs.length === 0) {
    place.replaceChildren(element("p", { className: "note" }, "Tick a run: what it came to is told here."));
    return;
  }
  const facts = FACTS.map(([name, text]) => [name, ...runs.map(text)]);
  const problems = runs.map(({ details, rows }) => [...(details?.problems ?? []), rows.problem].filter(Boolean).join("\n"));
  if (problems.some(Boolean)) facts.push(["What cannot be read", ...problems]);
  place.replaceChildren(table("Fact", runs, [...facts, ...evaluations(runs)]));
}

/** A row for each figure of each evaluation, named by both. */
function evaluations(runs) {
  const rows = new Map();
  runs.forEach(({ details }, place) => {
    for (const { name, figures } of details?.evaluations ?? []) {
      for (const figure of figures) {
        const row = `${name}: ${figure.name.replaceAll("_", " ")}`;
        if (!rows.has(row)) rows.set(row, runs.map(() => NOTHING));
        rows.get(row)[place] = interval(figure);
      }
    }
  });
  return [...rows].map(([name, values]) => [name, ...values]);
}

function interval({ value, low, high }) {
  const isThere = low !== null && high !== null;
  return number(value) + (isThere ? ` (95 %: ${number(low)} to ${number(high)})` : "");
}

function validation(best) {
  return best ? `loss ${loss(best.loss)}, perplexity ${number(Math.exp(best.loss))}, at step ${count(best.step)}` : NOTHING;
}

/** Over the whole run, validations included, which is what its time is. */
function speed({ tokens, seconds, tokens_per_second: last }) {
  if (!last) return NOTHING;
  const mean = tokens && seconds ? `${number(tokens / seconds)} tokens a second on average, ` : "";
  return `${mean}${number(last)} in the last step`;
}

function made(environment) {
  if (!environment) return NOTHING;
  const { minigpt, git_revision: revision, burn, platform } = environment;
  return `minigpt ${minigpt}${revision ? ` (${revision.slice(0, 10)})` : ""}, burn ${burn}, ${platform}`;
}
