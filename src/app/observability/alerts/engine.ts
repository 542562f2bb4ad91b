/** Watches the events, and knows which alerts fire: counts within windows, raises, and ends what is over. Everything is bounded. */
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit, EventName, GatewayEvent } from '../../../base/events.ts';
import { eventSentence } from '../../event-sentence.ts';
import type { AlertName, AlertSeverity } from '../alert-catalogue.ts';
import { type Alert, alertKey, kindOf, OTHERS, runbookAt } from './alert.ts';
import { type Condition, isTriggered, type Subject, subjectOf, type Trigger } from './condition.ts';

/** A condition as it is in force, with the operator's word on it. */
export interface ConditionInForce extends Condition {
  readonly severity: AlertSeverity;
}

export interface AlertEngineOptions {
  readonly conditions: readonly ConditionInForce[];
  readonly clock: Clock;
  /** Hears that an alert fires, and that it is over. */
  readonly emit: Emit;
  /** Told of every change of an alert that matters to receivers. */
  readonly onChange: (alert: Alert) => void;
  /** Root of the documentation; undefined where it is only in the package. */
  readonly runbooks: string | undefined;
}

/** Subjects of one alert that are told apart; the rest is one alert together. */
export const SUBJECTS_MAX = 100;
/** Subjects whose events are counted, of all conditions together. */
const COUNTED_MAX = 4096;
const SETTLE_INTERVAL_MS = 1000;
/** No event can tell that the rest is over. */
const OTHERS_QUIET_MS = 3_600_000;
/** Resolved alerts that are remembered. */
const REMEMBERED_MAX = 200;

interface Rule {
  readonly condition: ConditionInForce;
  readonly trigger: Trigger;
  readonly does: 'raise' | 'resolve';
}

interface Firing {
  alert: Alert;
  readonly condition: ConditionInForce;
  lastMs: number;
}

/** The latest moments of one subject, at most as many as the condition asks for. */
interface Count {
  readonly momentsMs: number[];
}

export class AlertEngine {
  readonly #options: AlertEngineOptions;
  readonly #rules = new Map<EventName, Rule[]>();
  readonly #counts = new BoundedMap<string, Count>({ entriesMax: COUNTED_MAX });
  readonly #firing = new Map<string, Firing>();
  readonly #subjects = new Map<AlertName, number>();
  readonly #resolved = new BoundedMap<string, Alert>({ entriesMax: REMEMBERED_MAX });
  #timer: Timer | undefined;

  constructor(options: AlertEngineOptions) {
    this.#options = options;
    for (const condition of options.conditions) {
      // What ends comes before what begins, so that one event can do both.
      for (const trigger of condition.resolvedBy ?? []) this.#add({ condition, trigger, does: 'resolve' });
      for (const trigger of condition.raisedBy) this.#add({ condition, trigger, does: 'raise' });
    }
  }

  #add(rule: Rule): void {
    const rules = this.#rules.get(rule.trigger.event) ?? [];
    rules.push(rule);
    this.#rules.set(rule.trigger.event, rules);
  }

  /** The event's texts are bounded already. Never throws, never waits. */
  readonly take: Emit = (event) => {
    const rules = this.#rules.get(event.name);
    if (rules === undefined) return;
    for (const { condition, trigger, does } of rules) {
      if (!isTriggered(trigger, event)) continue;
      const subject = subjectOf(trigger, event);
      if (subject === undefined) continue;
      if (does === 'resolve' && trigger.isForAll === true) this.#resolveAll(condition.alert);
      else if (does === 'resolve') this.#resolve(alertKey({ name: condition.alert, subject }));
      else {
        const counted = this.#countOf(condition, trigger, subject, event);
        if (counted > 0) this.#raise(condition, subject, event, counted);
      }
    }
  };

  /** Events that raise it now; 0 where they are not enough yet. */
  #countOf(condition: ConditionInForce, trigger: Trigger, subject: Subject, event: GatewayEvent): number {
    const { alert: name, count, windowMs } = condition;
    // Others of this connection may have been held back, and are counted in this one.
    const times = 1 + ('suppressed' in event ? (event.suppressed ?? 0) : 0);
    if (trigger.isEnough === true || count === 1) return times;
    const key = alertKey({ name, subject });
    let counted = this.#counts.get(key);
    counted ??= { momentsMs: [] };
    this.#counts.set(key, counted);
    const { momentsMs } = counted;
    const nowMs = this.#options.clock.nowMs();
    for (let i = 0; i < Math.min(times, count); i++) momentsMs.push(nowMs);
    if (momentsMs.length > count) momentsMs.splice(0, momentsMs.length - count);
    // Once it fires, each further event keeps it firing.
    if (this.#firing.has(key)) return times;
    return momentsMs.length === count && momentsMs[0]! > nowMs - windowMs ? Math.max(count, times) : 0;
  }

  #raise(condition: ConditionInForce, of: Subject, event: GatewayEvent, counted: number): void {
    const name = condition.alert;
    const { clock } = this.#options;
    const isKnown = this.#firing.has(alertKey({ name, subject: of }));
    const isFull = !isKnown && (this.#subjects.get(name) ?? 0) >= SUBJECTS_MAX;
    const subject = isFull ? OTHERS : of;
    const key = alertKey({ name, subject });
    const firing = this.#firing.get(key);
    const says = eventSentence(event);
    const lastAtMs = clock.epochMs();
    if (firing !== undefined) {
      firing.lastMs = clock.nowMs();
      firing.alert = { ...firing.alert, says, lastAtMs, count: firing.alert.count + counted };
      return;
    }
    const { severity } = condition;
    const { summary } = kindOf(name);
    const runbook = runbookAt(this.#options.runbooks, name);
    const alert: Alert = {
      name,
      severity,
      subject,
      summary,
      says,
      count: counted,
      startsAtMs: lastAtMs,
      lastAtMs,
      runbook,
    };
    this.#firing.set(key, { alert, condition, lastMs: clock.nowMs() });
    if (subject !== OTHERS) this.#subjects.set(name, (this.#subjects.get(name) ?? 0) + 1);
    this.#resolved.delete(key);
    this.#timer ??= clock.after(SETTLE_INTERVAL_MS, this.#settle);
    this.#options.emit({ name: 'alert.fired', alert: name, severity, ...named(subject), ...whoOf(event), says });
    this.#options.onChange(alert);
  }

  #resolveAll(name: AlertName): void {
    for (const [key, { alert }] of this.#firing) if (alert.name === name) this.#resolve(key);
  }

  #resolve(key: string): void {
    const firing = this.#firing.get(key);
    if (firing === undefined) return;
    this.#firing.delete(key);
    this.#counts.delete(key);
    const endsAtMs = this.#options.clock.epochMs();
    const alert: Alert = { ...firing.alert, endsAtMs };
    const { severity, subject, startsAtMs } = alert;
    const name = firing.condition.alert;
    if (subject !== OTHERS) this.#subjects.set(name, this.#subjects.get(name)! - 1);
    this.#resolved.set(key, alert);
    const durationMs = Math.max(0, endsAtMs - startsAtMs);
    this.#options.emit({ name: 'alert.resolved', alert: name, severity, ...named(subject), durationMs });
    this.#options.onChange(alert);
  }

  /** Ends what has been quiet for long enough. */
  readonly #settle = (): void => {
    const nowMs = this.#options.clock.nowMs();
    for (const [key, { alert, condition, lastMs }] of this.#firing) {
      const quietMs = condition.quietMs ?? (alert.subject === OTHERS ? OTHERS_QUIET_MS : undefined);
      if (quietMs !== undefined && nowMs - lastMs >= quietMs) this.#resolve(key);
    }
    this.#timer = this.#firing.size === 0 ? undefined : this.#options.clock.after(SETTLE_INTERVAL_MS, this.#settle);
  };

  /** As it is now; undefined where it does not fire. */
  current(alert: Alert): Alert | undefined {
    return this.#firing.get(alertKey(alert))?.alert;
  }

  /** Those that fire, in the order in which they began. */
  firing(): Alert[] {
    return [...this.#firing.values()].map(({ alert }) => alert);
  }

  /** The last that are over, the newest first. */
  resolved(): Alert[] {
    return [...this.#resolved.values()].reverse();
  }

  close(): void {
    this.#timer?.cancel();
  }
}

function named({ kind, value }: Subject): { subjectKind?: string; subject?: string } {
  return kind === '' ? {} : { subjectKind: kind, subject: value };
}

/** By these the journal is searched. */
function whoOf(event: GatewayEvent): { address?: string; username?: string; clientId?: string } {
  const { address, username, clientId } = event as { address?: string; username?: string; clientId?: string };
  return {
    ...(address === undefined || !('connectionId' in event) ? {} : { address }),
    ...(username === undefined ? {} : { username }),
    ...(clientId === undefined ? {} : { clientId }),
  };
}
