/** What operators ask of alerts: what fires, who is told, what is silent; and a test of the receivers. */
import { parseDurationMs } from '../../../base/duration.ts';
import { OperatorError } from '../../config/problem.ts';
import type { AlertSeverity } from '../alert-catalogue.ts';
import { type Alert, fingerprintOf, isFiring } from './alert.ts';
import type { Alerts, ReceiverStatus, TestOutcome } from './alerts.ts';
import { iso } from './notification.ts';
import { matcherText, type Silence } from './silences.ts';

/** An alert as commands and the API show it. Times are ISO 8601. `subject` and `says` hold what a peer chose. */
export interface AlertRecord {
  readonly fingerprint: string;
  readonly alert: string;
  readonly severity: AlertSeverity;
  readonly status: 'firing' | 'resolved';
  readonly isSilenced: boolean;
  /** Both empty where it is about the gateway. */
  readonly subjectKind: string;
  readonly subject: string;
  readonly summary: string;
  readonly says: string;
  readonly count: number;
  readonly startsAt: string;
  readonly lastAt: string;
  /** Null while it fires. */
  readonly endsAt: string | null;
  readonly runbook: string;
}

export interface AlertListing {
  readonly firing: readonly AlertRecord[];
  /** The last that are over, the newest first. */
  readonly resolved: readonly AlertRecord[];
  readonly receivers: readonly ReceiverStatus[];
}

export interface SilenceRecord {
  readonly id: string;
  /** Such as `alert=SallyportBruteForce`. */
  readonly matchers: readonly string[];
  readonly createdAt: string;
  readonly until: string;
  readonly by: string;
  readonly reason: string;
}

export interface SilenceAsked {
  readonly matchers: readonly string[];
  readonly duration: string;
  readonly reason: string;
}

const SILENCE_MAX_MS = 365 * 86_400_000;

export class AlertDesk {
  readonly #alerts: Alerts;

  constructor(alerts: Alerts) {
    this.#alerts = alerts;
  }

  list(): AlertListing {
    const { firing, resolved } = this.#alerts.list();
    const record = (alert: Alert): AlertRecord => recordOf(alert, this.#alerts.silences.isSilenced(alert));
    return { firing: firing.map(record), resolved: resolved.map(record), receivers: this.#alerts.receivers() };
  }

  /** @throws {OperatorError} where there is no receiver of this name, or none at all. */
  test(receiver: string | undefined, who: string): Promise<TestOutcome[]> {
    return this.#alerts.test(receiver, who);
  }

  silences(): SilenceRecord[] {
    return this.#alerts.silences.list().map(silenceOf);
  }

  /** @throws {OperatorError} that says what is wrong with it. */
  silence({ matchers, duration, reason }: SilenceAsked, who: string): SilenceRecord {
    const durationMs = parseDurationMs(duration);
    if (durationMs === undefined || durationMs === 0 || durationMs > SILENCE_MAX_MS) {
      throw new OperatorError(
        `"${duration.slice(0, 40)}" is no duration up to a year: give one such as 30m, 2h or 7d.`,
      );
    }
    return silenceOf(this.#alerts.silences.add({ matchers, durationMs, reason, by: who }));
  }

  /** @throws {OperatorError} where there is none of this name. */
  unsilence(id: string): SilenceRecord {
    return silenceOf(this.#alerts.silences.remove(id));
  }
}

function recordOf(alert: Alert, isSilenced: boolean): AlertRecord {
  const { name, severity, subject, summary, says, count, startsAtMs, lastAtMs, endsAtMs, runbook } = alert;
  return {
    fingerprint: fingerprintOf(alert),
    alert: name,
    severity,
    status: isFiring(alert) ? 'firing' : 'resolved',
    isSilenced,
    subjectKind: subject.kind,
    subject: subject.value,
    summary,
    says,
    count,
    startsAt: iso(startsAtMs),
    lastAt: iso(lastAtMs),
    endsAt: endsAtMs === undefined ? null : iso(endsAtMs),
    runbook,
  };
}

function silenceOf({ id, matchers, createdAtMs, untilMs, by, reason }: Silence): SilenceRecord {
  return { id, matchers: matchers.map(matcherText), createdAt: iso(createdAtMs), until: iso(untilMs), by, reason };
}
