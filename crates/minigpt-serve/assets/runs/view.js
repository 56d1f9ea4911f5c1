// How all pictures are looked at: one axis, one range, one cursor.

import { AXES } from "/assets/runs/curve.js";
import { local } from "/assets/storage.js";

const KEPT = "minigpt-runs-view";

export class View extends EventTarget {
  axis = "step";
  /** See `smoothed`. */
  smoothing = 0.6;
  logX = false;
  logY = false;
  /** Of all runs that are drawn. @type {import("./rows.js").Table[]} */
  tables = [];
  /** What is looked at; null for all of it. @type {[number, number] | null} */
  range = null;
  /** Where values are read; null for the last ones. @type {number | null} */
  cursor = null;

  constructor() {
    super();
    const { axis, smoothing, logX, logY } = kept();
    if (axis in AXES) this.axis = axis;
    if (smoothing >= 0 && smoothing < 1) this.smoothing = smoothing;
    this.logX = logX === true;
    this.logY = logY === true;
  }

  /** Of the axis, what there is. @returns {[number, number]} */
  get whole() {
    const { column, factor } = AXES[this.axis];
    const ends = this.tables.flatMap((table) => [table[column][0], table[column].at(-1)]);
    const found = ends.filter((end) => end !== undefined).map((end) => end * factor);
    const [first, last] = found.length ? [Math.min(...found), Math.max(...found)] : [0, 1];
    return [first, last > first ? last : first + 1];
  }

  /** What is seen of the axis. */
  get seen() {
    return this.range ?? this.whole;
  }

  /** Changes what lasts, and tells by `change`. */
  set(changes) {
    Object.assign(this, changes);
    const { axis, smoothing, logX, logY } = this;
    try {
      local.setItem(KEPT, JSON.stringify({ axis, smoothing, logX, logY }));
    } catch {
      // A browser without room shows everything all the same.
    }
    this.dispatchEvent(new Event("change"));
  }

  /** Looks at a part, or with null at all. */
  zoom(range) {
    this.range = range && within(range, this.whole);
    this.dispatchEvent(new Event("change"));
  }

  /** Reads values at a place of the axis, or with null the last ones; tells by `cursor`. */
  point(cursor) {
    this.cursor = cursor;
    this.dispatchEvent(new Event("cursor"));
  }
}

/** The part of `range` that there is; null where that is all, or too little to be seen. */
function within([from, to], [first, last]) {
  const [low, high] = [Math.max(Math.min(from, to), first), Math.min(Math.max(from, to), last)];
  const isAll = low <= first && high >= last;
  return isAll || !(high - low > (last - first) * 1e-6) ? null : [low, high];
}

function kept() {
  try {
    return JSON.parse(local.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}
