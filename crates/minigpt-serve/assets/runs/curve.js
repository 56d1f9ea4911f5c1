// From the rows of a run to the points of a line.

/** What a picture's horizontal axis counts. */
export const AXES = {
  step: { name: "steps", unit: "step", column: "step", factor: 1, at: (x) => `step ${x}` },
  tokens: { name: "tokens seen", unit: "training tokens seen", column: "tokens", factor: 1, at: (x) => `${x} tokens` },
  time: { name: "time", unit: "minutes of training", column: "seconds", factor: 1 / 60, at: (x) => `${x} minutes` },
};

/**
 * @typedef {{ xs: number[], ys: number[], raw: number[] }} Points `ys` is smoothed, `raw` as it was measured.
 */

/**
 * The finite points of a line; on a logarithmic scale, the positive ones.
 * @param {import("./rows.js").Table} table
 * @param {(table: any, row: number) => number} value
 * @param {{ axis: string, logX: boolean, logY: boolean }} view
 * @param {number} smoothing See `smoothed`.
 * @returns {Points}
 */
export function points(table, value, view, smoothing) {
  const { column, factor } = AXES[view.axis];
  const [xs, raw] = [[], []];
  table[column].forEach((found, row) => {
    const [x, y] = [found * factor, value(table, row)];
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    if ((view.logX && x <= 0) || (view.logY && y <= 0)) return;
    xs.push(x);
    raw.push(y);
  });
  return { xs, ys: smoothed(raw, smoothing), raw };
}

/**
 * Each value averaged with those before it, whose weight falls by `weight` from one to the next. The first ones are
 * averages of few, not pulled towards zero.
 * @param {number[]} values
 * @param {number} weight From 0, nothing smoothed, to below 1.
 */
export function smoothed(values, weight) {
  if (weight === 0) return values;
  let [sum, total] = [0, 0];
  return values.map((value) => {
    sum = sum * weight + value;
    total = total * weight + 1;
    return sum / total;
  });
}

/**
 * The points that a picture needs: in each column of pixels the first, the last, the lowest and the highest, and one
 * point beyond either edge.
 * @param {number[]} xs Ascending.
 * @param {number[]} ys
 * @param {(x: number) => number} column
 * @param {[number, number]} range Of `xs`.
 * @returns {number[]} Places, ascending.
 */
export function thinned(xs, ys, column, [from, to]) {
  const first = Math.max(0, firstFrom(xs, from) - 1);
  const last = Math.min(xs.length - 1, firstFrom(xs, to));
  const kept = [];
  for (let place = first; place <= last;) {
    const here = Math.round(column(xs[place]));
    let [lowest, highest, end] = [place, place, place];
    while (end + 1 <= last && Math.round(column(xs[end + 1])) === here) {
      end += 1;
      if (ys[end] < ys[lowest]) lowest = end;
      if (ys[end] > ys[highest]) highest = end;
    }
    kept.push(...new Set([place, ...[lowest, highest].sort((one, other) => one - other), end]));
    place = end + 1;
  }
  return kept;
}

/** The place of the value that is nearest to `x`, or -1 where there is none. */
export function nearest(xs, x) {
  const after = firstFrom(xs, x);
  if (after === xs.length) return xs.length - 1;
  return after > 0 && x - xs[after - 1] < xs[after] - x ? after - 1 : after;
}

/** The place of the first value that is at least `x`. */
function firstFrom(xs, x) {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}
