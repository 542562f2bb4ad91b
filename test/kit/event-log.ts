/** The gateway's log as tests read it: every line of its standard output is one event. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Program } from './process.ts';

export interface LoggedEvent {
  readonly level: string;
  readonly time: string;
  readonly event: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Some fields; a regular expression stands for every text that matches. */
export type EventLike = Readonly<Record<string, unknown>>;

function isLike(event: LoggedEvent, like: EventLike): boolean {
  return Object.entries(like).every(([field, wanted]) => {
    const value = event[field];
    return wanted instanceof RegExp
      ? typeof value === 'string' && wanted.test(value)
      : isDeepStrictEqual(value, wanted);
  });
}

/** All events so far, whole lines only. */
export function loggedEvents(program: Program): LoggedEvent[] {
  const lines = program.stdout.split('\n').slice(0, -1);
  return lines.map((line) => {
    try {
      return JSON.parse(line) as LoggedEvent;
    } catch {
      return assert.fail(`this line of the log is no JSON: ${JSON.stringify(line)}`);
    }
  });
}

export function eventsLike(program: Program, event: string, like: EventLike = {}): LoggedEvent[] {
  return loggedEvents(program).filter((logged) => logged.event === event && isLike(logged, like));
}

/** The first event of this kind, or the one after `skip` others, as soon as it is logged. */
export function untilEvent(program: Program, event: string, like: EventLike = {}, skip = 0): Promise<LoggedEvent> {
  const wanted = Object.entries(like).map(([field, value]) => `${field} ${String(value)}`);
  return program.until([`log ${event}`, ...wanted].join(', '), () => eventsLike(program, event, like)[skip]);
}
