// Numbers, times and durations as people read them.

export const NOTHING = "–";

/** A number of about four digits: 0.0003, 3.142, 1,204, 12.3k, 4.56M. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e15)) return exponent(value);
  for (const [unit, name] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= unit) return `${digits(value / (name === "k" ? 1e3 : unit), 3)}${name}`;
  }
  return Number.isInteger(value) ? value.toLocaleString("en") : digits(value, 4);
}

/** A loss: four decimals, so that close ones can be told apart. */
export function loss(value) {
  return value === null || value === undefined || !Number.isFinite(value) ? NOTHING : value.toFixed(4);
}

/** A count, whole. */
export function count(value) {
  return value === null || value === undefined ? NOTHING : value.toLocaleString("en");
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 60) return `${digits(seconds, 3)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${digits(minutes / 1440, 3)} days`;
}

/** @param {number} seconds Since 1970. */
export function moment(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  return new Date(seconds * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
}

function digits(value, most) {
  return Number(value.toPrecision(most)).toString();
}

function exponent(value) {
  return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
}
