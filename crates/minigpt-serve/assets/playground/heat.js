// A head's attention as a picture: a row for each token that looks, a column for each that is looked at.

import { element } from "/assets/dom.js";

/**
 * @param {number} size Pixels of a side.
 * @returns {HTMLCanvasElement}
 */
export function heatCanvas(size) {
  return element("canvas", { width: size, height: size, className: "heat", ariaHidden: "true" });
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} rows A row of weights for each token, on those up to itself.
 * @param {number | null} row Outlined.
 */
export function paint(canvas, rows, row = null) {
  const context = canvas.getContext("2d");
  const colours = getComputedStyle(canvas);
  const side = canvas.width / rows.length;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = colours.getPropertyValue("--attention");
  rows.forEach((weights, y) => weights.forEach((weight, x) => {
    context.globalAlpha = strength(weight);
    context.fillRect(Math.floor(x * side), Math.floor(y * side), Math.ceil(side), Math.ceil(side));
  }));
  context.globalAlpha = 1;
  if (row !== null && rows[row]) {
    context.strokeStyle = colours.getPropertyValue("--ink");
    context.lineWidth = 1;
    context.strokeRect(0.5, Math.floor(row * side) + 0.5, canvas.width - 1, Math.max(2, Math.ceil(side) - 1));
  }
}

/** How strongly a weight is coloured: by its root, so that small ones are seen. */
export function strength(weight) {
  return Math.sqrt(weight);
}

/** The row and column under the pointer. */
export function cellAt(canvas, event, time) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  const cell = (place, length) => Math.min(time - 1, Math.max(0, Math.floor(place / length * time)));
  return { row: cell(event.clientY - top, height), column: cell(event.clientX - left, width) };
}
