// Numbers and tokens in words.

/** A probability as a percentage, with two digits that count. */
export function percent(probability) {
  const value = 100 * probability;
  if (value >= 99.95) return "100 %";
  if (value >= 1) return `${value.toFixed(1)} %`;
  if (value >= 0.01) return `${value.toFixed(2)} %`;
  if (value === 0) return "0 %";
  return `${value.toExponential(0)} %`;
}

/** A token's label between quotation marks, so that its space is seen. */
export function quoted(label) {
  return `“${label}”`;
}

/** A number with its thousands set apart. */
export function grouped(number) {
  return number.toLocaleString("en");
}

/** A difference in nats, with its sign. */
export function signed(nats) {
  return `${nats < 0 ? "−" : "+"}${Math.abs(nats).toFixed(2)}`;
}
