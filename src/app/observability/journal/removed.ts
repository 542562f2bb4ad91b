/** What retention takes from the journal while somebody reads it: always the oldest, whole segments at a time. */
import { firstRecord } from './journal-end.ts';
import { isAbsent, listSegments } from './segment-files.ts';

/** Milliseconds since the Unix epoch; records of the last moment may be there still. */
export interface Removed {
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface Beginning {
  /** 0 where there is no journal. */
  readonly segment: number;
  readonly atMs: number | undefined;
}

/** Where the journal begins now. */
export async function beginningOf(directory: string): Promise<Beginning> {
  for (const { number, path } of await listSegments(directory)) {
    try {
      return { segment: number, atMs: (await firstRecord(path))?.t };
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
  return { segment: 0, atMs: undefined };
}

/** Undefined where nothing is gone between the two, or where nobody can tell from when to when it was. */
export function removedBetween(was: Beginning, is: Beginning): Removed | undefined {
  if (is.segment <= was.segment || was.atMs === undefined || is.atMs === undefined) return undefined;
  return { sinceMs: was.atMs, untilMs: is.atMs };
}

/** For people: what is not in the answer. */
export function removedInWords({ sinceMs, untilMs }: Removed): string {
  const [since, until] = [sinceMs, untilMs].map((ms) => new Date(ms).toISOString());
  return `Retention removed the records from ${since} to ${until} while they were read: they are missing here.`;
}
