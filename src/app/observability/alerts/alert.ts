/** One alert about one subject: what every receiver is told, whatever the words it is told in. */
import { hash } from 'node:crypto';
import { ALERTS, type AlertName, type AlertSeverity, runbookOf } from '../alert-catalogue.ts';
import type { Subject } from './condition.ts';

/** What `alert test` sends; no condition raises it. */
export const TEST_ALERT = 'SallyportTest';

export interface Alert {
  readonly name: AlertName | typeof TEST_ALERT;
  readonly severity: AlertSeverity;
  readonly subject: Subject;
  readonly summary: string;
  /** What happened last, as a sentence. What peers chose is in it. */
  readonly says: string;
  /** Events that count towards it. */
  readonly count: number;
  /** Milliseconds since the Unix epoch. */
  readonly startsAtMs: number;
  readonly lastAtMs: number;
  /** Absent while it fires. */
  readonly endsAtMs?: number;
  readonly runbook: string;
}

/** Stands for all subjects beyond those that are told apart. */
export const OTHERS: Subject = { kind: 'others', value: 'others' };

const summaries = new Map<string, { readonly summary: string; readonly severity: AlertSeverity }>(
  ALERTS.map((kind) => [kind.name, kind]),
);

export function kindOf(name: AlertName): { readonly summary: string; readonly severity: AlertSeverity } {
  return summaries.get(name)!;
}

export function isFiring({ endsAtMs }: Alert): boolean {
  return endsAtMs === undefined;
}

export function alertKey({ name, subject }: Pick<Alert, 'name' | 'subject'>): string {
  return `${name}\n${subject.kind}\n${subject.value}`;
}

/** Short, and the same for the same alert about the same subject. */
export function fingerprintOf(alert: Pick<Alert, 'name' | 'subject'>): string {
  return hash('sha256', alertKey(alert), 'hex').slice(0, 16);
}

/** Where the page of an alert is: below the documentation at `base`, or in the package. */
export function runbookAt(base: string | undefined, name: AlertName): string {
  return `${(base ?? 'docs').replace(/\/$/, '')}/${runbookOf(name)}`;
}

/** Whether somebody can follow it with a click. */
export function isLink(runbook: string): boolean {
  return /^https?:/.test(runbook);
}

/** What grouping, silences and Alertmanager know an alert by. */
export const LABELS = ['alert', 'severity', 'subjectKind', 'subject'] as const;
export type Label = (typeof LABELS)[number];

export function labelsOf({
  name,
  severity,
  subject,
}: Pick<Alert, 'name' | 'severity' | 'subject'>): Record<Label, string> {
  return { alert: name, severity, subjectKind: subject.kind, subject: subject.value };
}
