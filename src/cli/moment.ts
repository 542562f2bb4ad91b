/** Times as people give them: `2026-07-06T08:00Z`, a date, or how long ago, such as `2h`. */
import { parseDurationMs } from '../base/duration.ts';
import { UsageError } from './command.ts';

/**
 * Milliseconds since the Unix epoch.
 * @throws {UsageError} that names the option.
 */
export function momentOf(given: string, nowMs: number, option: string): number {
  const agoMs = parseDurationMs(given);
  if (agoMs !== undefined) return nowMs - agoMs;
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/.test(given);
  const atMs = isDate ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(atMs)) {
    throw new UsageError(
      `${option} takes a time such as 2026-07-06T08:00Z, or how long ago, such as 2h; "${given}" is neither.`,
    );
  }
  return atMs;
}
