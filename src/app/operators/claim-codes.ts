/** The one-time code with which the first admin's account is made: printed on the machine itself, good once and for a day. */
import { timingSafeEqual } from 'node:crypto';
import { type Accounts, addedAs, type NewOperator } from './accounts.ts';
import type { Author, Ledger } from './ledger.ts';
import { hashOf, isReadableCode, readableCode } from './secret-text.ts';

/** Long enough to go from the machine to a desk, and over a night. */
const LIFETIME_MS = 24 * 3_600_000;

export interface ClaimCode {
  /** Shown once. */
  readonly code: string;
  /** Epoch milliseconds. */
  readonly expiresAtMs: number;
}

export type ClaimOutcome = 'claimed' | 'wrong code' | 'name taken';

export class ClaimCodes {
  readonly #ledger: Ledger;
  readonly #accounts: Accounts;

  constructor(ledger: Ledger, accounts: Accounts) {
    this.#ledger = ledger;
    this.#accounts = accounts;
  }

  /** A code that was made before is worth nothing any more. */
  make(author: Author): ClaimCode {
    const { database, clock, chance } = this.#ledger;
    const code = readableCode(chance);
    const expiresAtMs = clock.epochMs() + LIFETIME_MS;
    this.#ledger.change(author, () => {
      database.prepare('INSERT OR REPLACE INTO claim_code VALUES (1, ?, ?)').run(hashOf(code), expiresAtMs);
      return {
        operator: '',
        what: 'code',
        says: 'A one-time code was made, with which an admin account can be claimed.',
      };
    });
    return { code, expiresAtMs };
  }

  /** Whether there is a code that could be used. */
  get isOpen(): boolean {
    return this.#stored() !== undefined;
  }

  isRight(code: string): boolean {
    const stored = this.#stored();
    return isReadableCode(code) && stored !== undefined && timingSafeEqual(stored, hashOf(code));
  }

  /**
   * Makes an admin's account and uses the code up, both or neither.
   * @throws {OperatorError} for a bad name.
   */
  claim(code: string, { name, hash }: Required<Pick<NewOperator, 'name' | 'hash'>>, author: Author): ClaimOutcome {
    let outcome: ClaimOutcome = 'wrong code';
    this.#ledger.change(author, () => {
      if (!this.isRight(code)) return undefined;
      const operator: NewOperator = { name, role: 'admin', hash };
      if (!this.#accounts.insert(operator)) {
        outcome = 'name taken';
        return undefined;
      }
      this.#ledger.database.exec('DELETE FROM claim_code');
      outcome = 'claimed';
      return { ...addedAs(operator), says: 'The account of an admin was claimed with the one-time code.' };
    });
    return outcome;
  }

  #stored(): Uint8Array | undefined {
    const row = this.#ledger.database.prepare('SELECT hash, expires_at_ms FROM claim_code').get();
    if (row === undefined || (row['expires_at_ms'] as number) <= this.#ledger.clock.epochMs()) return undefined;
    return row['hash'] as Uint8Array;
  }
}
