/** What another scanner has reported, in one form for Lynis and OpenSCAP. */
import type { Severity } from '../model/severity.ts';

export interface ScannerFinding {
  /** The scanner's own identifier, such as `SSH-7408` or `sshd_disable_root_login`. */
  readonly id: string;
  readonly degree: 'warning' | 'suggestion' | 'failed-rule';
  readonly title: string;
  /** What within the test it is about, such as a setting; absent where it is all of it. */
  readonly about?: string;
  readonly severity: Severity;
  /** Counted from 1. */
  readonly line?: number;
}

export interface ScannerReport {
  readonly scanner: 'Lynis' | 'OpenSCAP';
  /** Since the Unix epoch; undefined where the report does not say when the scan ended. */
  readonly endedMs: number | undefined;
  /** Whether the scan came to its end. */
  readonly isWhole: boolean;
  readonly findings: readonly ScannerFinding[];
  /** How many tests or rules came to an answer. */
  readonly judged: number;
  /** How many rules are about something that is not here. */
  readonly notApplicable: number;
  /** Identifiers of what the scanner could not tell. */
  readonly untold: readonly string[];
}

/** A scan that finds more than this has found that there is too much. */
export const FINDINGS_MAX = 2000;
