// What each run wrote at the validations, with a slider over the steps.

import { element } from "/assets/dom.js";
import { getJson } from "/assets/http.js";
import { count } from "/assets/runs/format.js";

export class Samples {
  /** By run: its samples, and how far it was when they were asked for. */
  #known = new Map();
  #steps = [];
  /** Whether the newest are shown, however many come. */
  #follows = true;
  #shown = [];

  /** @param {HTMLElement} place */
  constructor(place) {
    this.slider = element("input", { type: "range", min: 0, step: 1, name: "sample" });
    this.slider.addEventListener("input", () => {
      this.#follows = Number(this.slider.value) === this.#steps.length - 1;
      this.#show();
    });
    this.at = element("span", {});
    this.texts = element("div", { className: "samples" });
    this.label = element("label", { className: "field" }, element("span", {}, "After step ", this.at), this.slider);
    place.replaceChildren(this.label, this.texts);
  }

  /**
   * Asks for the samples that are not known. A run has new ones after a validation.
   * @param {Array<{ name: string, colour: number, rows: any, prompt: string }>} runs
   */
  async update(runs) {
    this.#shown = runs;
    await Promise.all(runs.map(async ({ name, rows }) => {
      const { step } = rows.tables.valid;
      const upTo = `${step.length} ${step.at(-1)}`;
      if (this.#known.get(name)?.upTo === upTo) return;
      const samples = await getJson(`/api/runs/${encodeURIComponent(name)}/samples`);
      // The text is written after the row of its validation.
      const isWhole = !step.length || samples.some((sample) => sample.step === step.at(-1));
      this.#known.set(name, { samples, upTo: isWhole ? upTo : "" });
    }));
    this.#show();
  }

  #show() {
    const of = (name) => this.#known.get(name)?.samples ?? [];
    const before = this.#steps[Number(this.slider.value)];
    const steps = new Set(this.#shown.flatMap(({ name }) => of(name).map((sample) => sample.step)));
    this.#steps = [...steps].sort((one, other) => one - other);
    const last = Math.max(0, this.#steps.length - 1);
    const place = this.#follows ? last : this.#steps.findLastIndex((step) => step <= before);
    this.slider.max = String(last);
    this.slider.value = String(Math.max(0, place));
    this.label.hidden = this.#steps.length < 2;
    const step = this.#steps[Number(this.slider.value)] ?? 0;
    this.at.textContent = count(step);
    this.slider.setAttribute("aria-valuetext", `after step ${step}`);
    this.texts.replaceChildren(...this.#shown.map((run) => sampleOf(run, of(run.name), step)));
  }
}

/** The last sample of a run that is not after `step`. */
function sampleOf({ name, colour, prompt }, samples, step) {
  const sample = samples.findLast((sample) => sample.step <= step);
  const head = element("figcaption", {}, element("span", { className: `swatch series-${colour}` }), element("strong", {}, name),
    sample ? ` after step ${count(sample.step)}` : " has written nothing yet");
  const figure = element("figure", { className: "sample" }, head);
  if (!sample) return figure;
  const isContinued = prompt && sample.text.startsWith(prompt);
  const text = element("blockquote", {});
  if (isContinued) text.append(element("span", { className: "prompt", title: "the prompt" }, prompt));
  text.append(isContinued ? sample.text.slice(prompt.length) : sample.text);
  figure.append(text);
  return figure;
}
