/** Durations as people write them: a number and its unit, such as `200ms`, `30s`, `5m`, `12h` or `7d`. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A bare number is not a duration: whether it means seconds or milliseconds is a guess that costs an outage. */
export const DURATION_PATTERN = /^(\d{1,12}) ?(ms|s|m|h|d)$/;

/** Milliseconds, or undefined where the text is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text);
  return match === null ? undefined : Number(match[1]) * UNIT_MS[match[2]!]!;
}
