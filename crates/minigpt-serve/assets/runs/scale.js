// From values to pixels and back, linear or logarithmic.

/**
 * @param {[number, number]} domain Of values; both positive on a logarithmic scale.
 * @param {[number, number]} range Of pixels.
 * @param {boolean} isLog
 */
export function scale([from, to], [start, end], isLog) {
  const forth = isLog ? Math.log10 : (value) => value;
  const back = isLog ? (value) => 10 ** value : (value) => value;
  const [low, high] = [forth(from), forth(to)];
  const slope = (end - start) / (high - low || 1);
  return {
    /** @param {number} value */
    at: (value) => start + (forth(value) - low) * slope,
    /** @param {number} pixel */
    value: (pixel) => back(low + (pixel - start) / slope),
    /** Round values, about as many as asked for. @param {number} about */
    ticks: (about) => (isLog ? logTicks(from, to, about) : linearTicks(from, to, about)),
  };
}

/** A domain of values with room around them; of one value alone too. */
export function padded([low, high], isLog) {
  if (isLog) {
    const room = Math.max((high / low) ** 0.05, 1.02);
    return [low / room, high * room];
  }
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}

function linearTicks(from, to, about) {
  const rough = (to - from) / Math.max(1, about);
  if (!(rough > 0) || !Number.isFinite(rough)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  // Multiplied, not added up: 0.3 stays 0.3.
  return Array.from({ length: last - first + 1 }, (_, number) => Number(((first + number) * step).toPrecision(12)));
}

function logTicks(from, to, about) {
  const [first, last] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))];
  for (const factors of [[1], [1, 3], [1, 2, 5]]) {
    const ticks = [];
    const every = Math.max(1, Math.ceil((last - first) / (about * 1.5)));
    for (let power = first; power <= last; power += every) {
      for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(12)));
    }
    const inside = ticks.filter((tick) => tick >= from && tick <= to);
    if (inside.length >= Math.min(3, about)) return inside;
  }
  return linearTicks(from, to, about).filter((tick) => tick > 0);
}
