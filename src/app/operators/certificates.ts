/** Certificates that log an operator in: bound by their fingerprint, or by the subject that the operators' CA has signed. */
import { X509Certificate } from 'node:crypto';
import { OperatorError } from '../config/problem.ts';
import type { ClientCertificate } from '../control/principal.ts';
import type { Author, Ledger } from './ledger.ts';

export interface BoundCertificate {
  /** Of this very certificate, or of any with this subject, so that a renewed one goes on. */
  readonly kind: 'fingerprint' | 'subject';
  /** SHA-256 in lower-case hex; or the subject on one line, such as `C=FI, O=Plant, CN=ada`. */
  readonly value: string;
  readonly operator: string;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
}

const OF_ONE_OPERATOR_MAX = 20;
const SUBJECT_MAX_CHARACTERS = 1024;

export class Certificates {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /**
   * False when it is bound already, to whomever.
   * @throws {OperatorError} when the value is no fingerprint or subject, there is no such operator, or there are too many.
   */
  bind({ kind, value, operator }: Omit<BoundCertificate, 'createdAtMs'>, author: Author): boolean {
    const normal = normalised(kind, value);
    return this.#ledger.change(author, () => {
      const { database, clock } = this.#ledger;
      if (database.prepare('SELECT 1 FROM operator WHERE name = ?').get(operator) === undefined) {
        throw new OperatorError(`There is no operator ${operator}.`);
      }
      if (this.listOf(operator).length >= OF_ONE_OPERATOR_MAX) {
        throw new OperatorError(`${operator} has ${OF_ONE_OPERATOR_MAX} certificates: take one away first.`);
      }
      const { changes } = database
        .prepare('INSERT INTO certificate VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
        .run(kind, normal, operator, clock.epochMs());
      if (changes === 0) return undefined;
      return {
        operator,
        what: 'certificate',
        says: `The certificate with the ${kind} ${normal} logs the operator in.`,
      };
    });
  }

  /** False when it is not bound to the operator. */
  unbind({ kind, value, operator }: Omit<BoundCertificate, 'createdAtMs'>, author: Author): boolean {
    const normal = normalised(kind, value);
    return this.#ledger.change(author, () => {
      const { changes } = this.#ledger.database
        .prepare('DELETE FROM certificate WHERE kind = ? AND value = ? AND operator = ?')
        .run(kind, normal, operator);
      if (changes === 0) return undefined;
      return {
        operator,
        what: 'certificate',
        says: `The certificate with the ${kind} ${normal} logs nobody in any more.`,
      };
    });
  }

  listOf(operator: string): BoundCertificate[] {
    return this.#ledger.database
      .prepare('SELECT * FROM certificate WHERE operator = ? ORDER BY created_at_ms, kind, value')
      .all(operator)
      .map((row) => ({
        kind: row['kind'] as BoundCertificate['kind'],
        value: row['value'] as string,
        operator: row['operator'] as string,
        createdAtMs: row['created_at_ms'] as number,
      }));
  }

  /** Whose a certificate is that TLS has verified. The fingerprint goes before the subject. */
  operatorOf({ fingerprint, der }: ClientCertificate): string | undefined {
    const find = this.#ledger.database.prepare('SELECT operator FROM certificate WHERE kind = ? AND value = ?');
    const row = find.get('fingerprint', fingerprint) ?? find.get('subject', subjectOf(der));
    return row?.['operator'] as string | undefined;
  }
}

/** On one line, in the order in which it is in the certificate; empty where there is none. */
export function subjectOf(der: Uint8Array): string {
  // A certificate whose subject is empty has none at all.
  const subject = new X509Certificate(der).subject as string | undefined;
  return (subject ?? '').split('\n').join(', ');
}

function normalised(kind: BoundCertificate['kind'], value: string): string {
  if (kind === 'fingerprint') {
    const hex = value.replaceAll(':', '').toLowerCase();
    if (/^[0-9a-f]{64}$/.test(hex)) return hex;
    throw new OperatorError(
      'A fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits, with colons or without.',
    );
  }
  const subject = value.trim();
  const isFine = subject.length <= SUBJECT_MAX_CHARACTERS && /^[A-Za-z0-9.]+=/.test(subject) && !/\p{C}/u.test(subject);
  if (isFine) return subject;
  throw new OperatorError(
    'A subject is written on one line in the order of the certificate, such as C=FI, O=Plant, CN=ada.',
  );
}
