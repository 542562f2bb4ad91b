/** All that listens to the one stream of events: metrics, the log, the journal, and collectors elsewhere. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../base/events.ts';
import type { Config } from '../config/config.ts';
import { type EventLog, openLog } from '../log.ts';
import { Alerts } from './alerts/alerts.ts';
import { boundedEvent } from './bounded-event.ts';
import { EventStream } from './event-stream/event-stream.ts';
import { isJournaled } from './journal/journaled.ts';
import { type JournalWriter, openJournal } from './journal/writer.ts';
import { Metrics } from './metrics/metrics.ts';
import { sinkSamples } from './metrics/sink-samples.ts';
import type { OperatorAction } from './operator-action.ts';
import { type OtlpExporter, openOtlp } from './otlp/otlp-exporter.ts';
import { RefusalTally } from './refusal-tally.ts';
import { Repeats } from './repeats.ts';
import { type Collectors, openCollectors } from './syslog/collectors.ts';
import { openTopicHash, plainTopics, withTopics } from './topic-hash.ts';
import { Troubles } from './troubles.ts';

export interface Observers {
  readonly emit: Emit;
  /** Into the journal with what an operator did. */
  readonly onAction: (action: OperatorAction) => void;
  readonly log: EventLog;
  readonly alerts: Alerts;
  /** For those who watch. */
  readonly stream: EventStream;
  readonly refusals: RefusalTally;
  readonly troubles: Troubles;
  readonly metrics: Metrics;
  /** Takes up what a reload has changed; names the settings that only a restart puts into force. */
  apply(config: Config): string[];
  /** Resolves when what they hold is out, or has had its time. */
  close(): Promise<void>;
}

export interface ObserverServices {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly version: string;
}

/** Over which repeated events are counted. */
const REPEATS_WINDOW_MS = 10_000;

/** Where a configuration has its journal. */
export function journalDirectoryOf({ journal, dataDirectory }: Pick<Config, 'journal' | 'dataDirectory'>): string {
  return journal.directory ?? join(dataDirectory, 'journal');
}

/** @throws {OperatorError} where one of them cannot be opened; none is left open then. */
export async function openObservers(config: Config, { clock, chance, version }: ObserverServices): Promise<Observers> {
  const spell = config.log.topics === 'hashed' ? await openTopicHash(config.dataDirectory, chance) : plainTopics;
  const log = await openLog(config.log, clock);
  let journal: JournalWriter | undefined;
  let collectors: Collectors | undefined;
  let otlp: OtlpExporter | undefined;
  let alerts: Alerts | undefined;
  const refusals = new RefusalTally();
  const troubles = new Troubles();
  // Fewer than one event a millisecond is written: so numbers grow from one run of the program to the next, too.
  const startId = Math.floor(clock.epochMs());
  const stream = new EventStream({ clock, emit: (event) => write(event) }, { startId });
  const metrics = new Metrics({ clock, version, emit: (event) => emit(event) });
  const write = (given: GatewayEvent): void => {
    const event = withTopics(given, spell);
    log.emit(event);
    troubles.take(event, clock.epochMs());
    const bounded = boundedEvent(event);
    stream.take(bounded);
    if (isJournaled(event.name)) journal?.append('event', bounded);
    collectors?.emit(bounded);
    otlp?.emit(bounded);
    // Last, because it may tell events of its own.
    alerts?.emit(bounded);
  };
  const repeats = new Repeats({
    clock,
    emit: (event) => {
      // What it makes itself has not been counted yet.
      if (event.name === 'events.left-out') metrics.take(event);
      write(event);
    },
    perAddressMax: config.log.repeatsMax,
    windowMs: REPEATS_WINDOW_MS,
  });
  const emit = (event: GatewayEvent): void => {
    metrics.take(event);
    refusals.take(event);
    repeats.take(event);
  };
  try {
    journal = await openConfigured(config, clock, version, emit);
    if (config.syslog.length > 0) {
      collectors = await openCollectors(config.syslog, { clock, chance, emit, version });
    }
    otlp = await openOtlp(config.otlp, { clock, chance, emit, version, metrics });
    const journalDirectory = journalDirectoryOf(config);
    alerts = await Alerts.open(config, { clock, chance, emit, version, journalDirectory });
  } catch (error) {
    metrics.close();
    await Promise.all([journal?.close(), collectors?.close(), otlp?.close()]);
    await log.close();
    throw error;
  }
  metrics.addSource(() =>
    sinkSamples(log, journal, [...(collectors?.stats() ?? []), ...(otlp === undefined ? [] : [otlp.stats()])]),
  );
  return {
    emit,
    metrics,
    onAction: (action) => journal?.append('action', action),
    log,
    alerts,
    stream,
    refusals,
    troubles,
    apply(next) {
      log.setLevel(next.log.level);
      const restartNeeded: string[] = [];
      if (next.log.destination !== config.log.destination) restartNeeded.push('log.destination');
      if (next.log.topics !== config.log.topics) restartNeeded.push('log.topics');
      if (next.log.repeatsMax !== config.log.repeatsMax) restartNeeded.push('log.repeatsMax');
      if (!isDeepStrictEqual(next.journal, config.journal)) restartNeeded.push('journal');
      if (!isDeepStrictEqual(next.syslog, config.syslog)) restartNeeded.push('syslog');
      if (!isDeepStrictEqual(next.otlp, config.otlp)) restartNeeded.push('otlp');
      if (!isDeepStrictEqual(next.alerts, config.alerts)) restartNeeded.push('alerts');
      return restartNeeded;
    },
    async close() {
      repeats.close();
      stream.close();
      metrics.close();
      await alerts?.close();
      // What is lost to them goes into the journal and the log.
      await Promise.all([collectors?.close(), otlp?.close()]);
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
