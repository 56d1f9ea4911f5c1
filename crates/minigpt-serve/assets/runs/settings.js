// The settings of the chosen runs beside each other: what differs, or all.

import { element } from "/assets/dom.js";
import { NOTHING } from "/assets/runs/format.js";
import { table } from "/assets/runs/table.js";

export class Settings {
  #runs = [];

  /** @param {HTMLElement} place */
  constructor(place) {
    this.all = element("input", { type: "checkbox", name: "all-settings" });
    this.all.addEventListener("change", () => this.#show());
    this.told = element("p", { className: "note" });
    this.rows = element("div", { className: "wide" });
    place.replaceChildren(this.told, element("label", { className: "check" }, this.all, "all settings"), this.rows);
  }

  /** @param {Array<{ name: string, colour: number, details: any }>} runs */
  show(runs) {
    this.#runs = runs.filter(({ details }) => details?.config);
    this.#show();
  }

  #show() {
    const settings = this.#runs.map(({ details }) => flattened(details.config));
    const names = [...new Set(settings.flatMap((found) => [...found.keys()]))];
    const rows = names.map((name) => [name, ...settings.map((found) => found.get(name) ?? NOTHING)]);
    const different = rows.filter(([, first, ...others]) => others.some((value) => value !== first));
    const shown = this.all.checked ? rows : different;
    this.told.textContent = this.#told(different.length);
    this.rows.replaceChildren(...(shown.length ? [table("Setting", this.#runs, shown)] : []));
    for (const row of this.rows.querySelectorAll("tbody tr")) {
      row.classList.toggle("different", this.all.checked && different.some(([name]) => name === row.dataset.name));
    }
  }

  #told(different) {
    if (this.#runs.length < 2) return "Tick two runs or more: what differs between their settings is told here.";
    if (different === 0) return "No setting differs: what differs in the curves is chance, the device, or the program's version.";
    return `${different} ${different === 1 ? "setting differs" : "settings differ"}: what the curves differ by comes from here.`;
  }
}

/** Each setting by its name, as `optimizer.kind`. */
function flattened(config, prefix = "", found = new Map()) {
  for (const [key, value] of Object.entries(config ?? {})) {
    const name = prefix + key;
    const isSection = value !== null && typeof value === "object" && !Array.isArray(value);
    if (isSection) flattened(value, `${name}.`, found);
    else found.set(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return found;
}
