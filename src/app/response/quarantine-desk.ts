/** What operators ask of the quarantine: who is in it, and to let somebody go, whoever has put them in. */
import { subjectText } from '../../policy/detection/bans/ban.ts';
import type { Quarantine, ToldQuarantine } from '../../policy/detection/quarantine.ts';
import { readSubject } from '../bans/ban-desk.ts';
import { OperatorError } from '../config/problem.ts';

export interface QuarantineRecord {
  readonly subject: string;
  readonly expiresInMs: number;
  /** ISO 8601, UTC. */
  readonly expiresAt: string;
}

export interface Released {
  readonly subject: string;
  /** What still confines all of it: the network of an address that was let go. */
  readonly quarantined: QuarantineRecord[];
}

function recordOf({ subject, forMs }: ToldQuarantine, epochMs: number): QuarantineRecord {
  const expiresAt = new Date(Math.round(epochMs + forMs)).toISOString();
  return { subject: subjectText(subject), expiresInMs: Math.round(forMs), expiresAt };
}

/** `epochMs` is now, by the machine's clock. */
export function listQuarantine(quarantine: Quarantine, epochMs: number): QuarantineRecord[] {
  return quarantine.told().map((one) => recordOf(one, epochMs));
}

/** @throws {OperatorError} where the text names nobody, or nobody who is confined. */
export function releaseFromQuarantine(quarantine: Quarantine, text: string, epochMs: number): Released {
  // A detector may have confined a name that no operator could write as a ban; as it is listed, it is let go.
  const listed = quarantine.told().find(({ subject }) => subjectText(subject) === text);
  const subject = listed?.subject ?? readSubject(text);
  const isReleased = quarantine.release(subject);
  const quarantined = quarantine.meantFor(subject).map((one) => recordOf(one, epochMs));
  if (isReleased) return { subject: subjectText(subject), quarantined };
  const [covering] = quarantined;
  const hint =
    covering === undefined
      ? '`sallyport quarantine list` shows who is'
      : `it is confined by the quarantine of ${covering.subject}`;
  throw new OperatorError(`${subjectText(subject).slice(0, 80)} is not in quarantine itself; ${hint}.`);
}
