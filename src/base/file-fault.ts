/** What is wrong in a file that an operator wrote: where, what, and the cure; all of it at once, not only the first. */

export interface FileFault {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1, in characters. */
  readonly column: number;
  /** One sentence. Never a secret: what stands where a password belongs is not quoted. */
  readonly says: string;
  /** What to do about it, as one sentence. */
  readonly cure: string;
}

export function describeFileFault(fault: FileFault): string {
  return `${fault.file}:${fault.line}:${fault.column}: ${fault.says} ${fault.cure}`;
}

/** A hostile file must not make an endless report. */
const FAULTS_SHOWN_MAX = 20;

/** Thrown by the parsers of the control plane; the message has one line a fault. */
export class FileFaultError extends Error {
  readonly faults: readonly FileFault[];

  constructor(faults: readonly FileFault[]) {
    const lines = faults.slice(0, FAULTS_SHOWN_MAX).map(describeFileFault);
    if (faults.length > FAULTS_SHOWN_MAX) lines.push(`and ${faults.length - FAULTS_SHOWN_MAX} more.`);
    super(lines.join('\n'));
    this.name = 'FileFaultError';
    this.faults = Object.freeze([...faults]);
  }
}
