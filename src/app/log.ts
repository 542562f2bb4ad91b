/** The log: events as JSON lines, written without ever making the gateway wait. */
import { open } from 'node:fs/promises';
import { pino } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Emit, GatewayEvent } from '../base/events.ts';
import { printableJson } from '../base/printable.ts';
import type { Config } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { EVENT_LEVELS } from './event-level.ts';
import { eventSentence } from './event-sentence.ts';
import { LineGatherer } from './line-gatherer.ts';
import { boundedEvent } from './observability/bounded-event.ts';
import { logFields } from './observability/log-line.ts';

/** Lines that wait for a slow disk or reader; beyond it lines are dropped, and counted. */
const BUFFER_MAX_BYTES = 4 * 1024 * 1024;
const FILE_MODE = 0o640;
/** How long the last lines have, when the reader of a pipe has stopped reading. */
const CLOSE_TIMEOUT_MS = 2000;
const SETTLE_TIMEOUT_MS = 100;

export interface EventLog {
  /** Writes the event if its level is wanted, at once or with others that come at the same time. Never throws, never waits. */
  readonly emit: Emit;
  /** Lines lost because the destination did not keep up or failed. */
  readonly droppedCount: number;
  setLevel(level: Config['log']['level']): void;
  /** Opens the file anew, for logrotate; does nothing for a stream. */
  reopen(): void;
  /** Resolves once what was written so far is out, or soon after. */
  settled(): Promise<void>;
  /** Resolves once what was written is out, or the reader has had its time. */
  close(): Promise<void>;
}

function destinationOf(destination: string): number | string {
  if (destination === 'stdout') return 1;
  return destination === 'stderr' ? 2 : destination;
}

function lineCount(text: string): number {
  return text.split('\n').length - 1;
}

/** Throws an `OperatorError` where the file cannot be written. */
export async function openLog(config: Pick<Config['log'], 'level' | 'destination'>, clock: Clock): Promise<EventLog> {
  const dest = destinationOf(config.destination);
  if (typeof dest === 'string') {
    try {
      await (await open(dest, 'a', FILE_MODE)).close();
    } catch (error) {
      const { message } = error as Error;
      throw new OperatorError(`The log file ${dest} cannot be written: ${message}. Check log.destination.`);
    }
  }

  let droppedCount = 0;
  let toldCount = 0;
  const out = pino.destination({ dest, sync: false, minLength: 0, maxLength: BUFFER_MAX_BYTES, mode: FILE_MODE });
  out.on('drop', (text: string) => (droppedCount += lineCount(text)));
  // The lines stay in the bounded buffer and go out once the destination works again.
  out.on('error', () => undefined);

  let isTelling = false;
  const gatherer = new LineGatherer(clock, (text) => {
    const before = droppedCount;
    try {
      out.write(text);
      if (droppedCount === before && droppedCount > toldCount) tellDropped();
    } catch {
      // A destination that has been closed.
      droppedCount += lineCount(text);
    }
  });
  const lines = pino(
    {
      level: config.level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.epochMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => (isTelling ? out.write(line) : gatherer.add(printableJson(line))) },
  );

  const write = (event: GatewayEvent): void => {
    const level = EVENT_LEVELS[event.name];
    if (!lines.isLevelEnabled(level)) return;
    const bounded = boundedEvent(event);
    lines[level](logFields(bounded), eventSentence(bounded));
  };

  /** Said with the first line that finds room again; if this one finds none, the next one says it. */
  const tellDropped = (): void => {
    const lost = droppedCount - toldCount;
    isTelling = true;
    try {
      lines.warn({ event: 'log.dropped', lines: lost }, `The log could not keep up: ${lost} lines are missing`);
    } finally {
      isTelling = false;
    }
    if (droppedCount - toldCount === lost) toldCount = droppedCount;
    else droppedCount--;
  };

  return {
    emit(event) {
      try {
        write(event);
      } catch {
        droppedCount++;
      }
    },
    get droppedCount() {
      return droppedCount;
    },
    setLevel(level) {
      lines.level = level;
    },
    reopen() {
      try {
        gatherer.flush();
        if (typeof dest === 'string') out.reopen();
      } catch {
        // A destination that is closing has nothing to reopen.
      }
    },
    settled() {
      return new Promise((resolve) => {
        const timer = clock.after(SETTLE_TIMEOUT_MS, resolve);
        out.once('drain', () => {
          timer.cancel();
          resolve();
        });
        gatherer.flush();
      });
    },
    close() {
      return new Promise((resolve) => {
        const timer = clock.after(CLOSE_TIMEOUT_MS, resolve);
        out.once('close', () => {
          timer.cancel();
          resolve();
        });
        try {
          gatherer.flush();
          out.end();
        } catch {
          resolve();
        }
      });
    },
  };
}
