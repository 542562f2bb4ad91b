/** What a watch tells: one JSON object a line, flat, so that any collector of logs takes it. */
import type { Severity } from '../model/severity.ts';

export type FindingChange = 'new' | 'mended' | 'regressed';

/** A weakness that has come, gone, or come back after it had gone. */
export interface FindingEvent {
  readonly event: `finding.${FindingChange}`;
  readonly check: string;
  readonly title: string;
  readonly severity: Severity;
  readonly target: string;
  readonly subject?: string;
  readonly fingerprint: string;
  /** What was observed. */
  readonly says: string;
}

/** Why an audit was made. */
export type Trigger = 'start' | 'schedule' | 'files' | 'listeners';

export interface FinishedEvent {
  readonly event: 'audit.finished';
  readonly trigger: Trigger;
  /** The first of the files that had changed. */
  readonly changed?: readonly string[];
  /** Open failures that no waiver covers, by severity. */
  readonly findings: Readonly<Record<Severity, number>>;
  readonly undecided: number;
  readonly score: number | null;
  readonly coveragePercent: number;
  readonly durationMs: number;
}

/** An audit could not be made, such as for a mistake in the audit file, or its results not kept; the watch goes on. */
export interface FailedEvent {
  readonly event: 'audit.failed';
  readonly trigger: Trigger;
  readonly says: string;
}

export interface ListenerEvent {
  readonly event: 'listener.appeared' | 'listener.gone' | 'listener.unused';
  readonly address: string;
  readonly port: number;
  readonly process?: string;
  readonly says: string;
}

/** What is watched no longer, or never was, and why. */
export interface UnwatchedEvent {
  readonly event: 'watch.narrowed';
  readonly path?: string;
  readonly says: string;
}

export type WatchEvent = FindingEvent | FinishedEvent | FailedEvent | ListenerEvent | UnwatchedEvent;
