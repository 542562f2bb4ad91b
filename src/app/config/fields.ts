/** The kinds of value a setting can have; each knows its range and says it the same way in errors, schema and docs. */
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { DURATION_PATTERN, parseDurationMs } from '../../base/duration.ts';
import { parseSizeBytes, SIZE_PATTERN } from '../../base/size.ts';

const SHOWN_LENGTH_MAX = 60;

function shown(value: unknown): string {
  // JSON knows no infinity.
  const text = (typeof value === 'number' ? undefined : JSON.stringify(value)) ?? String(value);
  // What stands before the host of a URL is a secret, where it does not belong, too.
  const told = text.replace(/:\/\/[^\s/@]*@/g, '://…@');
  return told.length > SHOWN_LENGTH_MAX ? `${told.slice(0, SHOWN_LENGTH_MAX)}…` : told;
}

/** One sentence about a wrong value: what it is, then what is wanted. */
export function complaint(value: unknown, wanted: string): string {
  if (value === undefined) return `is missing: give ${wanted}`;
  if (value === null) return `has no value: give ${wanted}, or remove the line`;
  if (Array.isArray(value)) return `is a list: give ${wanted}`;
  if (typeof value === 'object') return `is a map of keys: give ${wanted}`;
  return `${shown(value)} is not allowed: give ${wanted}`;
}

/** Same, for values that must not be repeated on a screen or in a log. */
export function discreetComplaint(value: unknown, wanted: string): string {
  return value === undefined || value === null ? complaint(value, wanted) : `give ${wanted}`;
}

function telling(wanted: string): { error: (issue: { input?: unknown }) => string } {
  return { error: (issue) => complaint(issue.input, wanted) };
}

/** A block of keys; strangers are refused. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, telling('a map of keys'));
}

export function list<Item extends z.ZodType>(item: Item, range: { min: number; max: number; what: string }) {
  const wanted = `a list of ${range.min} to ${range.max} ${range.what}`;
  const wrongLength = {
    error: (issue: { input?: unknown }) => `has ${(issue.input as []).length} entries: give ${wanted}`,
  };
  return z.array(item, telling(wanted)).min(range.min, wrongLength).max(range.max, wrongLength);
}

export function flag() {
  return z.boolean(telling('true or false'));
}

export function choice<const Value extends string>(values: readonly [Value, ...Value[]]) {
  return z.enum(values, telling(values.length === 1 ? `"${values[0]}"` : `one of ${values.join(', ')}`));
}

export function wholeNumber(range: { min: number; max: number }) {
  const wanted = telling(`a whole number from ${range.min} to ${range.max}`);
  return z.int(wanted).min(range.min, wanted).max(range.max, wanted);
}

export function text(form: { pattern: RegExp; wanted: string }) {
  const wanted = telling(form.wanted);
  return z.string(wanted).regex(form.pattern, wanted);
}

/** A path to a file or directory; a relative one starts at the directory of the configuration file. */
export function path(directory: string) {
  const wanted = telling('a path');
  return z
    .string(wanted)
    .regex(/^[^\0]+$/, wanted)
    .transform((given) => (isAbsolute(given) ? given : resolve(directory, given)));
}

interface TextRange {
  min: string;
  max: string;
}

/** A duration, in milliseconds. */
export function duration(range: TextRange) {
  const minMs = parseDurationMs(range.min)!;
  const maxMs = parseDurationMs(range.max)!;
  const wanted = `a duration from ${range.min} to ${range.max}, with its unit (ms, s, m, h or d)`;
  return z
    .string(telling(wanted))
    .regex(DURATION_PATTERN, telling(wanted))
    .transform((given, context) => {
      const valueMs = parseDurationMs(given);
      if (valueMs !== undefined && valueMs >= minMs && valueMs <= maxMs) return valueMs;
      context.addIssue({ code: 'custom', message: complaint(given, wanted), input: given });
      return z.NEVER;
    });
}

/** A duration in whole seconds, for what the protocol counts in seconds. `never`, if given, is the number that word stands for. */
export function seconds(range: TextRange, never?: number) {
  const minMs = parseDurationMs(range.min)!;
  const maxMs = parseDurationMs(range.max)!;
  const word = never === undefined ? '' : ', or never';
  const wanted = `a duration in whole seconds from ${range.min} to ${range.max}, with its unit (s, m, h or d)${word}`;
  const pattern = never === undefined ? DURATION_PATTERN : new RegExp(`${DURATION_PATTERN.source}|^never$`);
  return z
    .string(telling(wanted))
    .regex(pattern, telling(wanted))
    .transform((given, context) => {
      if (never !== undefined && given === 'never') return never;
      const valueMs = parseDurationMs(given);
      if (valueMs !== undefined && valueMs >= minMs && valueMs <= maxMs && valueMs % 1000 === 0) return valueMs / 1000;
      context.addIssue({ code: 'custom', message: complaint(given, wanted), input: given });
      return z.NEVER;
    });
}

/** A size, in bytes. */
export function size(range: TextRange) {
  const minBytes = parseSizeBytes(range.min)!;
  const maxBytes = parseSizeBytes(range.max)!;
  const wanted = `a size from ${range.min} to ${range.max}: bytes, or a number with its unit (KiB, MiB, GiB, KB, MB, GB)`;
  return z

    .union(
      [
        z.int().min(minBytes, telling(wanted)).max(maxBytes, telling(wanted)),
        z.string().regex(SIZE_PATTERN, telling(wanted)),
      ],
      telling(wanted),
    )
    .transform((given, context) => {
      const bytes = parseSizeBytes(given);
      if (bytes !== undefined && bytes >= minBytes && bytes <= maxBytes) return bytes;
      context.addIssue({ code: 'custom', message: complaint(given, wanted), input: given });
      return z.NEVER;
    });
}
