/** Durations as people write them: a number and its unit, such as `200ms`, `30s`, `5m`, `12h` or `7d`. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A bare number is not a duration: whether it means seconds or milliseconds is a guess that costs an outage. */
export const DURATION_PATTERN = /^(\d{1,12}) ?(ms|s|m|h|d)$/;

/** A century: what is longer is a slip, and added to a date it would be none. */
const DURATION_MAX_MS = 36_525 * 86_400_000;

/** Milliseconds, or undefined where the text is not a duration, or one of more than a century. */
export function parseDurationMs(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) return undefined;
  const durationMs = Number(match[1]) * UNIT_MS[match[2]!]!;
  return durationMs <= DURATION_MAX_MS ? durationMs : undefined;
}
