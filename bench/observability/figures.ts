/** How this bench says what it has found. */

export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0;
}

/** `4.1 % (half of the rounds between 2.0 and 6.3)`, of how much more the first is than the second, round by round. */
export function more(costs: readonly number[], base: readonly number[]): string {
  const percent = costs.map((cost, i) => (cost / base[i]! - 1) * 100);
  const at = (share: number): string => quantile(percent, share).toFixed(1);
  return `${at(0.5)} % (half of the rounds between ${at(0.25)} and ${at(0.75)})`;
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
