// Attention: all heads by their habits, those of a layer as small pictures, one of them large.

import { element } from "/assets/dom.js";
import { getJson, postJson } from "/assets/http.js";
import { HABITS, inWords } from "/assets/playground/habits.js";
import { headMap } from "/assets/playground/headmap.js";
import { headView } from "/assets/playground/head.js";
import { heatCanvas, paint } from "/assets/playground/heat.js";
import { ids } from "/assets/playground/reading.js";

/** Tokens of which the server tells attention at most. */
const MOST = 256;
/** Pixels of a small picture's side. */
const SMALL = 96;

/**
 * @param {HTMLElement} container
 * @param {HTMLElement} error
 * @param {(place: number) => void} choose Called with a token that was chosen.
 */
export function attentionView(container, error, choose) {
  let card = null;
  let reading = null;
  let [layer, head, selected] = [0, 0, 0];
  let heads = []; // of the layer
  let request = new AbortController();
  const habits = new Map(); // by model
  const map = headMap((toLayer, toHead) => go(toLayer, toHead));
  const strip = element("div", { className: "strip", role: "group" });
  const one = headView(choose);
  const choice = element("select");
  choice.addEventListener("change", () => go(Number(choice.value), head));
  container.replaceChildren(
    element("p", { className: "note" }, "Each square is a head, a column a layer from the first to the last. Its colour is what the head does most on the text of a novel. Choose one to see it on your text."),
    ...map.nodes,
    element("label", { className: "field layer" }, element("span", {}, "Layer, with its heads on your text"), choice), strip, one.node);

  async function go(toLayer, toHead) {
    const isNew = toLayer !== layer;
    [layer, head] = [toLayer, toHead];
    choice.value = String(layer);
    map.select(layer, head);
    if (isNew) await load();
    else showHeads();
  }

  async function load() {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const tokens = ids(reading);
    error.hidden = tokens.length <= MOST;
    if (!error.hidden) return fail(`The text has ${tokens.length} tokens, and attention is shown of at most ${MOST}: shorten the text.`);
    try {
      const answer = await postJson("/api/attention", { model: reading.model, tokens, layer }, signal);
      if (signal.aborted) return;
      heads = answer.heads;
      showHeads();
    } catch (problem) {
      if (!signal.aborted) fail(problem.message);
    }
  }

  /** Nothing is shown that is not of this text and layer. */
  function fail(message) {
    error.textContent = message;
    error.hidden = false;
    heads = [];
    showHeads();
  }

  function showHeads() {
    const name = (number) => HABITS[habitOf(number)?.habit]?.name;
    if (strip.children.length !== heads.length) {
      strip.replaceChildren(...heads.map((_, number) => {
        const button = element("button", { type: "button", className: "small-head" }, heatCanvas(SMALL), element("span"));
        button.addEventListener("click", () => go(layer, number));
        return button;
      }));
    }
    [...strip.children].forEach((button, number) => {
      button.ariaPressed = String(number === head);
      const known = name(number);
      button.lastChild.textContent = `head ${number}`;
      button.title = known ? `Looks at ${known}` : "";
      button.lastChild.className = `habit ${habitOf(number)?.habit ?? "unknown"}`;
      paint(button.firstChild, heads[number]);
    });
    showHead();
  }

  function showHead() {
    const habit = habitOf(head);
    // Until the weights of a new text are there, the old ones stay.
    const isReady = heads[head]?.length === reading?.tokens.length;
    one.node.hidden = heads.length === 0;
    if (!isReady || heads.length === 0) return;
    const words = habit ? inWords(habit) : "";
    one.show(`Layer ${layer}, head ${head}`, words, reading.tokens, heads[head], Math.min(selected, reading.tokens.length - 1));
  }

  function habitOf(number) {
    return habits.get(card?.id)?.find((found) => found.layer === layer && found.head === number);
  }

  async function measure(model) {
    if (habits.has(model)) return map.habits(habits.get(model), "");
    map.habits(null, "Measuring what each head does…");
    try {
      const { heads: found } = await getJson(`/api/habits?model=${encodeURIComponent(model)}`);
      habits.set(model, found);
      if (card.id !== model) return;
      map.habits(found, "");
      showHeads();
    } catch (problem) {
      if (card.id === model) map.habits(null, problem.message);
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => heads.length > 0 && showHeads());

  return {
    /**
     * @param {object} model Its entry of `/api/models`.
     * @param {import("./reading.js").Reading} read
     * @param {number} place The chosen token.
     */
    async show(model, read, place) {
      if (card?.id !== model.id) {
        card = model;
        [layer, head, heads] = [Math.min(layer, card.layers - 1), Math.min(head, card.heads - 1), []];
        map.shape(card.layers, card.heads);
        map.select(layer, head);
        choice.replaceChildren(...Array.from({ length: card.layers }, (_, number) => element("option", { value: String(number) }, String(number))));
        choice.value = String(layer);
      }
      [reading, selected] = [read, place];
      await load();
      await measure(card.id);
    },
    select(place) {
      selected = place;
      showHead();
    },
  };
}
