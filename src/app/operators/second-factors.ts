/** One-time codes of operators: an authenticator app and recovery codes, enrolled by their owner, each code good once. */
import { BoundedMap } from '../../base/bounded-map.ts';
import { SecondFactor } from '../../policy/identity/second-factor.ts';
import { encodeBase32, matchingStep, otpauthUri } from '../../policy/identity/totp.ts';
import { enrol, hashRecoveryCode, type TotpUser } from '../../policy/identity/totp-file.ts';
import type { Author, Ledger } from './ledger.ts';

export interface BegunEnrolment {
  /** For a QR code. */
  readonly uri: string;
  /** To be typed, in base32. */
  readonly secret: string;
}

interface Pending {
  readonly operator: string;
  readonly secret: Uint8Array;
  readonly recoveryCodes: readonly string[];
  readonly untilMs: number;
}

const ENROLMENT_LIFETIME_MS = 10 * 60_000;
const PENDING_MAX = 1000;
const ISSUER = 'Sallyport';

/** What a code was: one of the app, or a recovery code. */
export type CodeKind = 'totp' | 'recovery';

export class SecondFactors {
  readonly #ledger: Ledger;
  /** Whose enrolment is begun, by session. */
  readonly #pending = new BoundedMap<string, Pending>({ entriesMax: PENDING_MAX });
  readonly #factor: SecondFactor;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    const { clock } = ledger;
    this.#factor = new SecondFactor({
      users: new Map(),
      clock,
      used: {
        useStep: (operator, step) =>
          ledger.database
            .prepare('UPDATE operator SET totp_step = ? WHERE name = ? AND totp_step < ?')
            .run(step, operator, step).changes === 1,
        useRecovery: (operator, hash) => this.#useRecovery(operator, hash),
      },
    });
  }

  /** Which code it is, if it is right; it is used up then. After five wrong ones in a row all are wrong for five minutes. */
  check(operator: string, code: string): CodeKind | undefined {
    const user = this.#userOf(operator);
    if (user === undefined || !this.#factor.accepts(user, code)) return undefined;
    return code.includes('-') ? 'recovery' : 'totp';
  }

  /** Nothing is in force before `confirm`; another begin replaces it. */
  begin(sessionId: string, operator: string): BegunEnrolment {
    const { secret, recoveryCodes } = enrol(operator, this.#ledger.chance);
    const untilMs = this.#ledger.clock.nowMs() + ENROLMENT_LIFETIME_MS;
    this.#pending.set(sessionId, { operator, secret, recoveryCodes, untilMs });
    return { uri: otpauthUri(ISSUER, operator, secret), secret: encodeBase32(secret) };
  }

  /**
   * Puts what was begun in force, with a code that shows that the app has it. Returns the recovery codes, which are shown once;
   * undefined when the code is wrong, or nothing was begun within ten minutes.
   */
  confirm(sessionId: string, operator: string, code: string, author: Author): readonly string[] | undefined {
    const pending = this.#pending.get(sessionId);
    const { clock, database } = this.#ledger;
    if (pending === undefined || pending.operator !== operator || clock.nowMs() >= pending.untilMs) return undefined;
    const step = matchingStep(pending.secret, code, clock.epochMs());
    if (step === undefined) return undefined;
    this.#pending.delete(sessionId);
    const isDone = this.#ledger.change(author, () => {
      const { changes } = database
        .prepare('UPDATE operator SET totp_secret = ?, totp_step = ? WHERE name = ?')
        .run(pending.secret, step, operator);
      if (changes === 0) return undefined;
      database.prepare('DELETE FROM recovery_code WHERE operator = ?').run(operator);
      const insert = database.prepare('INSERT INTO recovery_code (operator, hash) VALUES (?, ?)');
      for (const each of pending.recoveryCodes) insert.run(operator, hashRecoveryCode(operator, each));
      return { operator, what: 'second-factor', says: 'An authenticator app was enrolled, with new recovery codes.' };
    });
    return isDone ? pending.recoveryCodes : undefined;
  }

  /** Takes the app and the recovery codes away; false when there is none. */
  remove(operator: string, author: Author): boolean {
    return this.#ledger.change(author, () =>
      this.#removeCodes(operator)
        ? { operator, what: 'second-factor', says: 'The authenticator app and the recovery codes were taken away.' }
        : undefined,
    );
  }

  /** For whoever has lost everything: app, recovery codes and passkeys go, and every session ends. False when there is nobody. */
  reset(operator: string, author: Author): boolean {
    return this.#ledger.change(author, () => {
      const { database } = this.#ledger;
      if (database.prepare('SELECT 1 FROM operator WHERE name = ?').get(operator) === undefined) return undefined;
      this.#removeCodes(operator);
      database.prepare('DELETE FROM passkey WHERE operator = ?').run(operator);
      database.prepare('DELETE FROM session WHERE operator = ?').run(operator);
      const says = 'Every second factor was taken away (app, recovery codes and passkeys), and all sessions ended.';
      return { operator, what: 'second-factor', says };
    });
  }

  #removeCodes(operator: string): boolean {
    const { database } = this.#ledger;
    database.prepare('DELETE FROM recovery_code WHERE operator = ?').run(operator);
    // The step stays, so that no code of a secret that comes back is good again.
    return (
      database
        .prepare('UPDATE operator SET totp_secret = NULL WHERE name = ? AND totp_secret IS NOT NULL')
        .run(operator).changes > 0
    );
  }

  #useRecovery(operator: string, hash: string): boolean {
    const { database, clock } = this.#ledger;
    return this.#ledger.change({ by: operator, from: 'login' }, () => {
      const { changes } = database
        .prepare('UPDATE recovery_code SET used_at_ms = ? WHERE operator = ? AND hash = ? AND used_at_ms IS NULL')
        .run(clock.epochMs(), operator, hash);
      if (changes === 0) return undefined;
      const { left } = database
        .prepare('SELECT count(*) AS left FROM recovery_code WHERE operator = ? AND used_at_ms IS NULL')
        .get(operator) as { left: number };
      return { operator, what: 'second-factor', says: `A recovery code was used up; ${left} are left.` };
    });
  }

  #userOf(operator: string): TotpUser | undefined {
    const { database } = this.#ledger;
    const row = database.prepare('SELECT totp_secret FROM operator WHERE name = ?').get(operator);
    const secret = (row?.['totp_secret'] ?? undefined) as Uint8Array | undefined;
    if (secret === undefined) return undefined;
    const codes = database.prepare('SELECT hash FROM recovery_code WHERE operator = ?').all(operator);
    return { username: operator, secret, recovery: new Set(codes.map(({ hash }) => String(hash))), mark: '' };
  }
}
