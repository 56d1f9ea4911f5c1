// Which runs are drawn, each with a colour of its own; kept in the page's address, to be shared and found again.

/** As many as there are colours that can be told apart. */
const COLOURS = 8;

export class Choice extends EventTarget {
  /** Colours, from 1, by run. @type {Map<string, number>} */
  #colours = new Map();

  constructor() {
    super();
    for (const name of new URLSearchParams(location.hash.slice(1)).getAll("run")) this.#add(name);
  }

  /** The runs in the order of their colours. */
  get names() {
    return [...this.#colours].sort(([, one], [, other]) => one - other).map(([name]) => name);
  }

  get isFull() {
    return this.#colours.size >= COLOURS;
  }

  /** @returns {number | null} */
  colour(name) {
    return this.#colours.get(name) ?? null;
  }

  /** @param {string} name @param {boolean} isChosen */
  set(name, isChosen) {
    if (isChosen) this.#add(name);
    else this.#colours.delete(name);
    const address = new URLSearchParams(this.names.map((name) => ["run", name]));
    history.replaceState(null, "", `#${address}`);
    this.dispatchEvent(new Event("change"));
  }

  #add(name) {
    const taken = new Set(this.#colours.values());
    const free = Array.from({ length: COLOURS }, (_, place) => place + 1).find((colour) => !taken.has(colour));
    if (free && !this.#colours.has(name)) this.#colours.set(name, free);
  }
}
