// What the browser keeps for these pages. Where it keeps nothing, the page itself does until it is closed.

/** As much of a `Storage` as the pages use. */
class Remembered {
  #values = new Map();

  get length() {
    return this.#values.size;
  }

  key(place) {
    return [...this.#values.keys()][place] ?? null;
  }

  getItem(key) {
    return this.#values.get(key) ?? null;
  }

  setItem(key, value) {
    this.#values.set(key, String(value));
  }

  removeItem(key) {
    this.#values.delete(key);
  }
}

/** Kept until it is removed, and until the tab is closed. @type {(Storage | Remembered)[]} */
export const [local, session] = ["localStorage", "sessionStorage"].map(storage);

/** Whether what the browser should keep outlasts the page. */
export const isKept = !(local instanceof Remembered);

/** A browser that blocks its storage throws when it is named, or when it is read. */
function storage(name) {
  try {
    window[name].getItem("");
    return window[name];
  } catch {
    return new Remembered();
  }
}
