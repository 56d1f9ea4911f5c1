// Attention: all heads by their habits, those of a layer as small pictures, one of them large.

import { element } from "/assets/dom.js";
import { postJson } from "/assets/http.js";
import { habitsOf, inWords } from "/assets/playground/habits.js";
import { headMap } from "/assets/playground/headmap.js";
import { HeadView } from "/assets/playground/head.js";
import { ids } from "/assets/playground/reading.js";
import { headStrip } from "/assets/playground/strip.js";

/** Tokens of which the server tells attention at most. */
const MOST = 256;

/** Weights with the layer and the tokens that they are of: until new ones are there, the old ones stay. */
const NOTHING = { layer: 0, tokens: [], heads: [] };

export class AttentionView {
  /** The model, its entry of `/api/models`. */
  #card = null;
  /** @type {import("./reading.js").Reading} */
  #reading;
  /** What is looked at: a head of a layer, and a token. */
  #layer = 0;
  #head = 0;
  #selected = 0;
  /** @type {{ layer: number, tokens: {label: string}[], heads: number[][][] }} */
  #seen = NOTHING;
  /** Of all heads, once they are measured. @type {object[]} */
  #habits = [];
  #request = new AbortController();

  /**
   * @param {HTMLElement} container
   * @param {HTMLElement} error
   * @param {(place: number) => void} choose Called with a token that was chosen.
   */
  constructor(container, error, choose) {
    this.error = error;
    this.map = headMap((layer, head) => this.#go(layer, head));
    this.strip = headStrip((head) => this.#go(this.#layer, head));
    this.one = new HeadView(choose);
    this.layers = element("select");
    this.layers.addEventListener("change", () => this.#go(Number(this.layers.value), this.#head));
    container.replaceChildren(
      element("p", { className: "note" }, "Each square is a head, a column a layer from the first to the last. Its colour is what the head does most on the text of a novel. Choose one to see it on your text."),
      ...this.map.nodes,
      element("label", { className: "field layer" }, element("span", {}, "Layer, with its heads on your text"), this.layers),
      this.strip.node, this.one.node);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /**
   * @param {object} card The model, its entry of `/api/models`.
   * @param {import("./reading.js").Reading} reading
   * @param {number} place The chosen token.
   */
  async show(card, reading, place) {
    if (this.#card?.id !== card.id) this.#take(card);
    [this.#reading, this.#selected] = [reading, place];
    await this.#load();
    await this.#measure();
  }

  /** Looks at another token. */
  select(place) {
    this.#selected = place;
    this.#drawHead();
  }

  /** Another model: another number of heads, of which nothing is known. */
  #take(card) {
    [this.#card, this.#seen, this.#habits] = [card, NOTHING, []];
    [this.#layer, this.#head] = [Math.min(this.#layer, card.layers - 1), Math.min(this.#head, card.heads - 1)];
    this.map.shape(card.layers, card.heads);
    this.map.select(this.#layer, this.#head);
    const options = Array.from({ length: card.layers }, (_, number) => element("option", { value: String(number) }, String(number)));
    this.layers.replaceChildren(...options);
    this.layers.value = String(this.#layer);
  }

  async #go(layer, head) {
    const isNew = layer !== this.#layer;
    [this.#layer, this.#head] = [layer, head];
    this.layers.value = String(layer);
    this.map.select(layer, head);
    if (isNew) await this.#load();
    else this.#draw();
  }

  /** Asks for the layer's attention; what was on its way is given up. */
  async #load() {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    const layer = this.#layer;
    const { model, tokens } = this.#reading;
    if (tokens.length > MOST) {
      this.#fail(`The text has ${tokens.length} tokens, and attention is shown of at most ${MOST}: shorten the text.`);
      return;
    }
    try {
      const { heads } = await postJson("/api/attention", { model, tokens: ids(this.#reading), layer }, signal);
      if (signal.aborted) return;
      this.error.hidden = true;
      this.#seen = { layer, tokens, heads };
      this.#draw();
    } catch (problem) {
      if (!signal.aborted) this.#fail(problem.message);
    }
  }

  /** Nothing is shown that is not of this text and layer. */
  #fail(message) {
    this.error.textContent = message;
    this.error.hidden = false;
    this.#seen = NOTHING;
    this.#draw();
  }

  /** Colours all heads by what they do. */
  async #measure() {
    const { id } = this.#card;
    if (this.#habits.length > 0) return;
    this.map.habits(null, "Measuring what each head does…");
    try {
      const habits = await habitsOf(id);
      if (this.#card.id !== id) return;
      this.#habits = habits;
      this.map.habits(habits, "");
      this.#draw();
    } catch (problem) {
      if (this.#card.id === id) this.map.habits(null, problem.message);
    }
  }

  #draw() {
    this.strip.show(this.#seen.heads, this.#head, (head) => this.#habitOf(head)?.habit);
    this.#drawHead();
  }

  #drawHead() {
    const { layer, tokens, heads } = this.#seen;
    this.one.node.hidden = heads.length === 0;
    if (heads.length === 0) return;
    const habit = this.#habitOf(this.#head);
    const place = Math.min(this.#selected, tokens.length - 1);
    this.one.show(`Layer ${layer}, head ${this.#head}`, habit ? inWords(habit) : "", tokens, heads[this.#head], place);
  }

  #habitOf(number) {
    return this.#habits.find(({ layer, head }) => layer === this.#seen.layer && head === number);
  }
}
