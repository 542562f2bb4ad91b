/** All that listens to the one stream of events: the log, and the journal. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../base/events.ts';
import type { Config } from '../config/config.ts';
import { type EventLog, openLog } from '../log.ts';
import { boundedEvent } from './bounded-event.ts';
import { isJournaled } from './journal/journaled.ts';
import { type JournalWriter, openJournal } from './journal/writer.ts';
import type { OperatorAction } from './operator-action.ts';
import { Repeats } from './repeats.ts';

export interface Observers {
  readonly emit: Emit;
  /** Into the journal with what an operator did. */
  readonly onAction: (action: OperatorAction) => void;
  readonly log: EventLog;
  /** Takes up what a reload has changed; names the settings that only a restart puts into force. */
  apply(config: Config): string[];
  /** Resolves when what they hold is out, or has had its time. */
  close(): Promise<void>;
}

/** Over which repeated events are counted. */
const REPEATS_WINDOW_MS = 10_000;

/** Where a configuration has its journal. */
export function journalDirectoryOf({ journal, dataDirectory }: Pick<Config, 'journal' | 'dataDirectory'>): string {
  return journal.directory ?? join(dataDirectory, 'journal');
}

/** @throws {OperatorError} where one of them cannot be opened; none is left open then. */
export async function openObservers(config: Config, clock: Clock, version: string): Promise<Observers> {
  const log = await openLog(config.log, clock);
  let journal: JournalWriter | undefined;
  const write = (event: GatewayEvent): void => {
    log.emit(event);
    if (journal !== undefined && isJournaled(event.name)) journal.append('event', boundedEvent(event));
  };
  const repeats = new Repeats({
    clock,
    emit: write,
    perAddressMax: config.log.repeatsMax,
    windowMs: REPEATS_WINDOW_MS,
  });
  try {
    journal = await openConfigured(config, clock, version, repeats.take);
  } catch (error) {
    await log.close();
    throw error;
  }
  return {
    emit: repeats.take,
    onAction: (action) => journal?.append('action', action),
    log,
    apply(next) {
      log.setLevel(next.log.level);
      const restartNeeded: string[] = [];
      if (next.log.destination !== config.log.destination) restartNeeded.push('log.destination');
      if (next.log.repeatsMax !== config.log.repeatsMax) restartNeeded.push('log.repeatsMax');
      if (!isDeepStrictEqual(next.journal, config.journal)) restartNeeded.push('journal');
      return restartNeeded;
    },
    async close() {
      repeats.close();
      await journal?.close();
      await log.close();
    },
  };
}

async function openConfigured(
  config: Config,
  clock: Clock,
  version: string,
  emit: Emit,
): Promise<JournalWriter | undefined> {
  const { isEnabled, directory: _configured, ...bounds } = config.journal;
  if (!isEnabled) return undefined;
  return openJournal({ ...bounds, directory: journalDirectoryOf(config), clock, emit, version });
}
