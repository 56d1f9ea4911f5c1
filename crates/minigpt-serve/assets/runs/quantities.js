// What is drawn, and what it means.

import { loss, number } from "/assets/runs/format.js";

/**
 * @typedef {object} Line
 * @property {"train" | "valid" | "average"} split
 * @property {string} name For the reader.
 * @property {(table: any, row: number) => number} value
 * @property {boolean} isSmoothed Whether it is noisy, and the reader's smoothing is for it.
 */

/**
 * @typedef {object} Quantity
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {string} meaning One line.
 * @property {(value: number) => string} format
 * @property {boolean} [fromZero] Whether its axis begins at zero.
 * @property {Line[]} lines
 */

const column = (name) => (table, row) => table[name][row];
const perplexity = (table, row) => Math.exp(table.loss[row]);
const line = (split, name, value, isSmoothed = false) => ({ split, name, value, isSmoothed });

/** @type {Quantity[]} */
export const QUANTITIES = [
  {
    id: "loss",
    title: "Loss",
    unit: "nats per token",
    meaning: "How surprised the model is by the next token, on average. Validation is text that it does not learn: where it "
      + "rises while training still falls, the model learns its text by heart.",
    format: loss,
    lines: [
      line("train", "training", column("loss"), true),
      line("valid", "validation", column("loss")),
      line("average", "averaged weights", column("loss")),
    ],
  },
  {
    id: "perplexity",
    title: "Perplexity",
    unit: "per token, validation",
    meaning: "Among how many equally likely tokens the model is as unsure as it is now: e to the power of the loss. Runs with "
      + "other tokenizers have other tokens, and cannot be compared by it.",
    format: number,
    lines: [line("valid", "validation", perplexity), line("average", "averaged weights", perplexity)],
  },
  {
    id: "learning_rate",
    title: "Learning rate",
    unit: "per step",
    meaning: "How far a step moves the weights: it grows at first, while the model knows nothing, and falls towards the end, "
      + "to settle.",
    format: number,
    lines: [line("train", "training", column("learning_rate"))],
  },
  {
    id: "grad_norm",
    title: "Gradient norm",
    unit: "before clipping",
    meaning: "How steep the loss is where the model stands. Sudden peaks are batches that would have thrown it off; clipping "
      + "(optimizer.grad_clip) cuts them.",
    format: number,
    lines: [line("train", "training", column("grad_norm"), true)],
  },
  {
    id: "tokens_per_second",
    title: "Speed",
    unit: "training tokens a second",
    meaning: "What the device gets through. It falls where something else uses the machine.",
    format: number,
    fromZero: true,
    lines: [line("train", "training", column("tokens_per_second"), true)],
  },
];
