// What a picture is made of: axes, curves, the cursor.

import { thinned } from "/assets/runs/curve.js";
import { number } from "/assets/runs/format.js";
import { svg } from "/assets/runs/svg.js";

/** Pixels that a dot needs to be seen as one. */
const DOT = 10;

/** @typedef {{ left: number, right: number, top: number, bottom: number }} Frame Pixels. */

/**
 * @param {ReturnType<import("./scale.js").scale>} x
 * @param {ReturnType<import("./scale.js").scale>} y
 * @param {Frame} frame
 * @param {string} unit Of the horizontal axis.
 */
export function axes(x, y, { left, right, top, bottom }, unit) {
  const parts = [];
  for (const value of y.ticks((bottom - top) / 45)) {
    const at = y.at(value);
    parts.push(svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }));
    parts.push(svg("text", { class: "tick", x: left - 6, y: at + 4, "text-anchor": "end" }, number(value)));
  }
  for (const value of x.ticks((right - left) / 90)) {
    const at = x.at(value);
    parts.push(svg("line", { class: "grid", x1: at, x2: at, y1: top, y2: bottom }));
    parts.push(svg("text", { class: "tick", x: at, y: bottom + 16, "text-anchor": "middle" }, number(value)));
  }
  parts.push(svg("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
  parts.push(svg("text", { class: "tick", x: right, y: bottom + 33, "text-anchor": "end" }, unit));
  return parts;
}

/**
 * The lines of all series, cut at the frame. What is smoothed is drawn over what was measured; a validation is a line
 * with dots, so that it is told from training without colours.
 */
export function curves(series, x, y, frame, range, clip) {
  const { left, right, top, bottom } = frame;
  const shape = { x: left, y: top - 4, width: right - left, height: bottom - top + 8 };
  const group = svg("g", { "clip-path": `url(#${clip})` });
  const drawn = (values, points) => {
    const places = thinned(points.xs, values, x.at, range);
    return places.map((place) => [x.at(points.xs[place]), y.at(values[place])]);
  };
  for (const { run, line, points } of series) {
    const kind = line.isSmoothed && points.ys !== points.raw ? "train" : line.split;
    if (points.ys !== points.raw) group.append(path(drawn(points.raw, points), run, line, "raw"));
    const pixels = drawn(points.ys, points);
    group.append(path(pixels, run, line, kind));
    const isRoomy = pixels.length * DOT < right - left;
    if ((line.split !== "train" && isRoomy) || pixels.length === 1) group.append(dots(pixels, run, line));
  }
  return svg("g", {}, svg("clipPath", { id: clip }, svg("rect", shape)), group);
}

function path(pixels, run, line, kind) {
  const d = pixels.map(([px, py], place) => `${place ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
  return svg("path", { class: `curve ${kind} series-${run.colour}`, d, "data-run": run.name, "data-split": line.split });
}

/** Dots are lines without length and with round ends. */
function dots(pixels, run, line) {
  const d = pixels.map(([px, py]) => `M${px.toFixed(1)} ${py.toFixed(1)}h0`).join("");
  return svg("path", { class: `dots ${line.split} series-${run.colour}`, d });
}

/** The line at the cursor, and a dot at each value that is read there. */
export function cursor(at, found, x, y, bottom, top) {
  const place = x.at(at);
  return [
    svg("line", { class: "cursor", x1: place, x2: place, y1: top, y2: bottom }),
    ...found.map(({ run, x: fx, y: fy }) =>
      svg("circle", { class: `point series-${run.colour}`, cx: x.at(fx), cy: y.at(fy), r: 4 })),
  ];
}
