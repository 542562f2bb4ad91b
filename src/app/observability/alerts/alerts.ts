/** Alerts of one gateway: watches the events, knows what fires and what is silenced, and tells the receivers. */
import { join } from 'node:path';
import { type Chance, readableToken } from '../../../base/chance.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import { matchesWildcard } from '../../../base/wildcard.ts';
import type { Config } from '../../config/config.ts';
import { OperatorError } from '../../config/problem.ts';
import type { AlertSeverity } from '../alert-catalogue.ts';
import { type Alert, isFiring, kindOf, TEST_ALERT } from './alert.ts';
import type { Condition, Trigger } from './condition.ts';
import { CONDITIONS, JOURNAL } from './conditions.ts';
import { Delivery, type DeliveryStatus, sendWithin } from './delivery.ts';
import { AlertEngine, type ConditionInForce } from './engine.ts';
import { Grouping } from './grouping.ts';
import { type Notification, notificationOf } from './notification.ts';
import { AlertmanagerState } from './receivers/alertmanager.ts';
import { type OpenReceiver, openReceiver, type ReceiverConfig } from './receivers/open-receiver.ts';
import type { PublishHere } from './receivers/receiver.ts';
import { Silences } from './silences.ts';

const SILENCES_FILE = 'alert-silences.json';
const ID_LENGTH = 8;
const TEST_LASTS_MS = 60_000;
const SEVERITIES: readonly AlertSeverity[] = ['info', 'warning', 'critical'];

export interface AlertServices {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Hears what fires, what is over, and which receivers are away. */
  readonly emit: Emit;
  readonly version: string;
  readonly journalDirectory: string;
}

export interface ReceiverStatus extends DeliveryStatus {
  readonly name: string;
  readonly type: string;
}

export interface TestOutcome {
  readonly receiver: string;
  readonly type: string;
  readonly ok: boolean;
  /** What it answered, or why it did not. */
  readonly says: string;
  readonly durationMs: number;
}

/** One receiver with its queue. */
interface Told {
  readonly config: ReceiverConfig;
  readonly status: () => DeliveryStatus;
  readonly take: (alert: Alert) => void;
  readonly test: (alert: Alert) => Promise<string>;
  readonly close: () => Promise<void>;
}

export class Alerts {
  readonly #services: AlertServices;
  readonly #engine: AlertEngine;
  readonly silences: Silences;
  #receivers: readonly Told[] = [];
  #publish: PublishHere | undefined;

  private constructor(config: Config, services: AlertServices) {
    this.#services = services;
    const { clock, chance, emit, journalDirectory } = services;
    this.silences = new Silences({
      path: join(config.dataDirectory, SILENCES_FILE),
      clock,
      emit,
      newId: () => readableToken(chance, ID_LENGTH),
    });
    this.#engine = new AlertEngine({
      conditions: conditionsInForce(config.alerts.conditions, journalDirectory),
      clock,
      emit,
      runbooks: config.alerts.runbooks,
      onChange: (alert) => {
        for (const receiver of this.#receivers) receiver.take(alert);
      },
    });
  }

  /** @throws {OperatorError} when a secret or a file that a receiver names cannot be used. */
  static async open(config: Config, services: AlertServices): Promise<Alerts> {
    const alerts = new Alerts(config, services);
    const { clock, version } = services;
    const forReceivers = { clock, version, publish: () => alerts.#publish };
    const opened = await Promise.all(
      config.alerts.receivers.map(async (receiver) => ({
        receiver,
        open: await openReceiver(receiver, config, forReceivers).catch((error: unknown) => {
          if (!(error instanceof OperatorError)) throw error;
          throw new OperatorError(`The alert receiver "${receiver.name}" cannot be used. ${error.message}`);
        }),
      })),
    );
    alerts.#receivers = opened.map(({ receiver, open }) => alerts.#tell(receiver, open, config.alerts));
    return alerts;
  }

  /** Takes an event whose texts are bounded. */
  get emit(): Emit {
    return this.#engine.take;
  }

  /** Once the gateway's own broker is open. */
  set publish(publish: PublishHere | undefined) {
    this.#publish = publish;
  }

  #tell(receiver: ReceiverConfig, open: OpenReceiver, config: Config['alerts']): Told {
    const wants = (alert: Alert): boolean =>
      SEVERITIES.indexOf(alert.severity) >= SEVERITIES.indexOf(receiver.severityMin) &&
      receiver.alerts.some((name) => matchesWildcard(name, alert.name));
    const told = open.kind === 'states' ? this.#states(receiver, open) : this.#news(receiver, open, config);
    return {
      ...told,
      config: receiver,
      take: (alert) => {
        if (wants(alert)) told.take(alert);
      },
    };
  }

  #watched(receiver: ReceiverConfig) {
    const { clock, chance, emit } = this.#services;
    const { name, timeoutMs } = receiver;
    return {
      clock,
      chance,
      timeoutMs,
      onDown: (says: string) => emit({ name: 'receiver.failed', receiver: name, says }),
      onUp: (lost: number) => emit({ name: 'receiver.recovered', receiver: name, lost }),
      onAbandoned: (lost: number) => emit({ name: 'receiver.abandoned', receiver: name, lost }),
    };
  }

  #states(
    receiver: ReceiverConfig,
    { send, resendIntervalMs }: OpenReceiver & { kind: 'states' },
  ): Omit<Told, 'config'> {
    const watched = this.#watched(receiver);
    // One that waits stands for all that was, is and will be until it is sent.
    const delivery = new Delivery<undefined>({
      ...watched,
      queueMax: 1,
      send: async (_state, signal) => {
        const alerts = state.snapshot();
        const answer = await send(alerts, signal);
        state.told(alerts);
        return answer;
      },
    });
    const state = new AlertmanagerState({
      clock: watched.clock,
      repeatIntervalMs: resendIntervalMs,
      isSilenced: (alert) => this.silences.isSilenced(alert),
      current: (alert) => this.#engine.current(alert),
      due: () => {
        if (delivery.waiting < 2) delivery.push(undefined);
      },
    });
    return {
      status: () => delivery.status,
      take: (alert) => {
        if (receiver.sendResolved || isFiring(alert)) state.change(alert);
      },
      test: (alert) => sendWithin({ ...watched, send }, [{ ...alert, endsAtMs: alert.startsAtMs + TEST_LASTS_MS }]),
      close: () => {
        state.close();
        return delivery.close();
      },
    };
  }

  #news(
    receiver: ReceiverConfig,
    { send }: OpenReceiver & { kind: 'news' },
    config: Config['alerts'],
  ): Omit<Told, 'config'> {
    const watched = this.#watched(receiver);
    const delivery = new Delivery<Notification>({ ...watched, queueMax: receiver.queueMax, send });
    const { groupBy, groupWaitMs, groupIntervalMs, repeatIntervalMs } = config;
    const grouping = new Grouping({
      clock: watched.clock,
      groupBy,
      groupWaitMs,
      groupIntervalMs,
      repeatIntervalMs,
      sendsResolved: receiver.sendResolved,
      isSilenced: (alert) => this.silences.isSilenced(alert),
      current: (alert) => this.#engine.current(alert),
      notify: (notification) => delivery.push(notification),
    });
    return {
      status: () => delivery.status,
      take: (alert) => grouping.take(alert),
      test: (alert) => sendWithin({ ...watched, send }, notificationOf('test', [alert])),
      close: () => {
        grouping.close();
        return delivery.close();
      },
    };
  }

  /** Those that fire, and the last that are over. */
  list(): { readonly firing: readonly Alert[]; readonly resolved: readonly Alert[] } {
    return { firing: this.#engine.firing(), resolved: this.#engine.resolved() };
  }

  receivers(): ReceiverStatus[] {
    return this.#receivers.map(({ config, status }) => ({ name: config.name, type: config.type, ...status() }));
  }

  /**
   * Tells each receiver, or the named one, a test alert now, past queues, groups and silences.
   * @throws {OperatorError} where there is none of this name, or none at all.
   */
  async test(name: string | undefined, by: string): Promise<TestOutcome[]> {
    const chosen = this.#receivers.filter(({ config }) => name === undefined || config.name === name);
    if (chosen.length === 0) {
      const names = this.#receivers.map(({ config }) => config.name).join(', ');
      throw new OperatorError(
        names === ''
          ? 'No receiver is configured: name one under alerts.receivers.'
          : `There is no receiver "${name}"; there are ${names}.`,
      );
    }
    const alert = this.#testAlert(by);
    return Promise.all(chosen.map((receiver) => this.#testOne(receiver, alert)));
  }

  async #testOne({ config, test }: Told, alert: Alert): Promise<TestOutcome> {
    const { clock } = this.#services;
    const startedMs = clock.nowMs();
    const about = { receiver: config.name, type: config.type };
    const outcome = await test(alert).then(
      (says) => ({ ok: true, says }),
      (error: Error) => ({ ok: false, says: error.message }),
    );
    return { ...about, ...outcome, durationMs: Math.round(clock.nowMs() - startedMs) };
  }

  #testAlert(by: string): Alert {
    const nowMs = this.#services.clock.epochMs();
    return {
      name: TEST_ALERT,
      severity: 'info',
      subject: { kind: '', value: '' },
      summary: 'This is a test: nothing has happened.',
      says: `Sent by \`sallyport alert test\` for ${by}.`,
      count: 1,
      startsAtMs: nowMs,
      lastAtMs: nowMs,
      runbook: '',
    };
  }

  /** Resolves when what waits is out, or has had its time. */
  async close(): Promise<void> {
    this.#engine.close();
    await Promise.all(this.#receivers.map((receiver) => receiver.close()));
  }
}

/** The table with the operator's word on it. */
export function conditionsInForce(
  overrides: Config['alerts']['conditions'],
  journalDirectory: string,
): ConditionInForce[] {
  return CONDITIONS.flatMap((condition) => {
    const own = overrides.find(({ alert }) => alert === condition.alert);
    if (own?.enabled === false) return [];
    const { severity = kindOf(condition.alert).severity, count, windowMs, quietMs } = own ?? {};
    return [
      {
        ...inDirectory(condition, journalDirectory),
        severity,
        ...(count === undefined ? {} : { count }),
        ...(windowMs === undefined ? {} : { windowMs }),
        ...(quietMs === undefined ? {} : { quietMs }),
      },
    ];
  });
}

function inDirectory(condition: Condition, directory: string): Condition {
  const named = (fields: Trigger['where']): Trigger['where'] =>
    fields &&
    Object.fromEntries(
      Object.entries(fields).map(([name, values]) => [
        name,
        values.map((value) => (value === JOURNAL ? directory.replaceAll('*', '?') : value)),
      ]),
    );
  const placed = (trigger: Trigger): Trigger => ({
    ...trigger,
    ...(trigger.where === undefined ? {} : { where: named(trigger.where)! }),
    ...(trigger.unless === undefined ? {} : { unless: named(trigger.unless)! }),
  });
  return {
    ...condition,
    raisedBy: condition.raisedBy.map(placed),
    ...(condition.resolvedBy === undefined ? {} : { resolvedBy: condition.resolvedBy.map(placed) }),
  };
}
