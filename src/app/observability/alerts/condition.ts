/** What raises an alert: which events, how many of them within how long, about whom, and what ends it. */
import type { EventName, GatewayEvent } from '../../../base/events.ts';
import { matchesWildcard } from '../../../base/wildcard.ts';
import type { AlertName } from '../alert-catalogue.ts';

/** An event by its name, and by some of its fields. */
export interface Trigger {
  readonly event: EventName;
  /** Each of these fields has one of these values; in a text, `*` stands for anything. */
  readonly where?: Readonly<Record<string, readonly (string | number)[]>>;
  /** None of these fields has one of these values. */
  readonly unless?: Readonly<Record<string, readonly (string | number)[]>>;
  /** Numbers that are at least, or less than, so much. */
  readonly atLeast?: Readonly<Record<string, number>>;
  readonly below?: Readonly<Record<string, number>>;
  /**
   * Fields that say whom it is about, joined by a space; `subject` brings its kind along. Without them there is one alert for all.
   * Where one of them is missing, the event does not count.
   */
  readonly about?: readonly string[];
  /** Of those that resolve: it is over for whomever it is about. */
  readonly isForAll?: true;
  /** Whether one of these is enough, however many the condition asks for: somebody else has counted already. */
  readonly isEnough?: true;
}

export interface Condition {
  readonly alert: AlertName;
  readonly raisedBy: readonly Trigger[];
  /** So many of them within `windowMs`. */
  readonly count: number;
  readonly windowMs: number;
  readonly resolvedBy?: readonly Trigger[];
  /** It is over, too, when nothing has raised it again for so long; absent where only an event can tell. */
  readonly quietMs?: number;
}

/** Whom an alert is about. Both are empty where it is about the gateway. */
export interface Subject {
  readonly kind: string;
  readonly value: string;
}

const NOBODY: Subject = { kind: '', value: '' };

type Fields = Readonly<Record<string, unknown>>;

export function isTriggered(trigger: Trigger, event: GatewayEvent): boolean {
  const fields = event as unknown as Fields;
  return (
    every(trigger.where, (name, values) => isOneOf(fields[name], values)) &&
    every(trigger.unless, (name, values) => !isOneOf(fields[name], values)) &&
    every(trigger.atLeast, (name, least) => Number(fields[name]) >= least) &&
    every(trigger.below, (name, most) => Number(fields[name]) < most)
  );
}

function every<Value>(
  wanted: Readonly<Record<string, Value>> | undefined,
  holds: (name: string, value: Value) => boolean,
): boolean {
  return wanted === undefined || Object.entries(wanted).every(([name, value]) => holds(name, value));
}

function isOneOf(value: unknown, wanted: readonly (string | number)[]): boolean {
  return wanted.some((one) =>
    typeof one === 'string' && typeof value === 'string' ? matchesWildcard(one, value) : one === value,
  );
}

/** Undefined where the event does not say whom it is about. */
export function subjectOf({ about }: Trigger, event: GatewayEvent): Subject | undefined {
  if (about === undefined) return NOBODY;
  const fields = event as unknown as Fields;
  const values = about.map((name) => fields[name]);
  if (!values.every((value) => typeof value === 'string' || typeof value === 'number')) return undefined;
  const [first = ''] = about;
  const kind = first === 'subject' ? String(fields['subjectKind'] ?? '') : about.join(' ');
  return { kind, value: values.join(' ') };
}
