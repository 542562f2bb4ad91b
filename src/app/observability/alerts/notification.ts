/** What one receiver is told at once: alerts of one group, and the plain words for them. */
import { printable } from '../../../base/printable.ts';
import { type Alert, fingerprintOf, isFiring, labelsOf } from './alert.ts';

export interface Notification {
  readonly status: 'firing' | 'resolved';
  /** What the alerts have in common, such as `alert=SallyportBanStorm`. */
  readonly group: string;
  /** Those that fire first. */
  readonly alerts: readonly Alert[];
  /** Alerts of the group beyond those that are listed. */
  readonly more: number;
}

/** Listed in one notification. */
export const LISTED_MAX = 20;
const TITLE_LENGTH_MAX = 150;

export function notificationOf(group: string, alerts: readonly Alert[]): Notification {
  const ordered = [...alerts.filter(isFiring), ...alerts.filter((alert) => !isFiring(alert))];
  return {
    status: alerts.some(isFiring) ? 'firing' : 'resolved',
    group,
    alerts: ordered.slice(0, LISTED_MAX),
    more: Math.max(0, ordered.length - LISTED_MAX),
  };
}

/** One line, without anything that a terminal, a mail header or a log would act on. */
export function title({ status, alerts, more }: Notification): string {
  const [first] = alerts;
  const count = alerts.length + more;
  const about = count === 1 ? aboutText(first!) : `${count} alerts`;
  const names = [...new Set(alerts.map(({ name }) => name))].join(', ');
  const text = `[${status.toUpperCase()}] ${names}${about === '' ? '' : `: ${about}`}`;
  return text.length > TITLE_LENGTH_MAX ? `${text.slice(0, TITLE_LENGTH_MAX)}…` : text;
}

/** Whom it is about, in one printable line; empty where it is about the gateway. */
export function aboutText({ subject }: Alert): string {
  return subject.kind === '' ? '' : printable(`${subject.kind} ${subject.value}`);
}

/** As programs take it: webhooks, MQTT and commands. The shape is documented in docs/alerts.md. */
export function jsonOf(notification: Notification): object {
  const { status, group, alerts, more } = notification;
  return { version: 1, status, group, title: title(notification), more, alerts: alerts.map(jsonOfAlert) };
}

export function jsonOfAlert(alert: Alert): object {
  const { summary, says, count, startsAtMs, lastAtMs, endsAtMs, runbook } = alert;
  return {
    fingerprint: fingerprintOf(alert),
    status: isFiring(alert) ? 'firing' : 'resolved',
    ...labelsOf(alert),
    summary,
    says,
    count,
    startsAt: iso(startsAtMs),
    lastAt: iso(lastAtMs),
    endsAt: endsAtMs === undefined ? null : iso(endsAtMs),
    runbook,
  };
}

export function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
