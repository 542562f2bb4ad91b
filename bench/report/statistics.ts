/** Medians and spreads of what the rounds gave. */

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** From the lowest to the highest round, as a share of the median. */
export function spread(values: readonly number[]): number {
  if (values.length < 2) return 0;
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** The median of the rounds' own ratios: what disturbs the machine disturbs both sides of a round. */
export function ratio(values: readonly number[], baseline: readonly number[]): number {
  const rounds = Math.min(values.length, baseline.length);
  return median(Array.from({ length: rounds }, (_, round) => values[round]! / baseline[round]!));
}
