/** API tokens: for machines, and for people's scripts; with an end, never more than their operator may. */
import { OperatorError } from '../config/problem.ts';
import type { Role, Scope } from '../control/scope.ts';
import type { Author, Ledger } from './ledger.ts';
import { demandUsable, readScopes, type ScopeSet, storedScopes } from './scope-set.ts';
import { hashOf, randomSecret } from './secret-text.ts';

/** So that scanners of repositories and logs recognize one. */
export const TOKEN_PREFIX = 'spt_';
const TOKEN_FORM = /^spt_[A-Za-z0-9_-]{43}$/;

const ID_BYTES = 8;
const OF_ONE_OPERATOR_MAX = 100;
const LABEL_MAX_CHARACTERS = 100;
/** How exactly the last use is known: a write for each request would be a lever. */
const LAST_USE_GRAIN_MS = 60_000;

export interface Token {
  /** Names it in lists and in the journal; not secret. */
  readonly id: string;
  readonly operator: string;
  readonly label: string;
  readonly scopes: ScopeSet;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** To within a minute. */
  readonly lastUsedAtMs: number | undefined;
  readonly lastUsedFrom: string | undefined;
}

export interface NewToken {
  readonly operator: string;
  /** What it is for. */
  readonly label: string;
  /** Undefined: all that its operator may. */
  readonly scopes: readonly Scope[] | undefined;
  readonly lifetimeMs: number;
}

export interface TokenOptions {
  readonly lifetimeMaxMs: number;
}

/** Unknown, malformed and revoked ones look the same from outside. */
export type TokenAnswer = Token | 'unknown' | 'expired';

export class Tokens {
  readonly #ledger: Ledger;
  /** Takes effect for the next token that is made. */
  options: TokenOptions;

  constructor(ledger: Ledger, options: TokenOptions) {
    this.#ledger = ledger;
    this.options = options;
  }

  /**
   * The secret is shown once.
   * @throws {OperatorError} when the label, the lifetime or their number is wrong, there is no such operator, or it could never use
   * one of the scopes.
   */
  create({ operator, label, scopes, lifetimeMs }: NewToken, author: Author): { token: Token; secret: string } {
    checkLabel(label);
    const { lifetimeMaxMs } = this.options;
    if (!(lifetimeMs > 0 && lifetimeMs <= lifetimeMaxMs)) {
      throw new OperatorError(
        `A token lives for at most ${Math.floor(lifetimeMaxMs / 86_400_000)} days (control.operators.tokenLifetimeMax).`,
      );
    }
    if (scopes?.length === 0) throw new OperatorError('A token without a scope may nothing: name at least one.');
    const { database, clock, chance } = this.#ledger;
    const secret = `${TOKEN_PREFIX}${randomSecret(chance)}`;
    const id = chance.bytes(ID_BYTES).toString('hex');
    const nowMs = clock.epochMs();
    const expiresAtMs = nowMs + lifetimeMs;
    this.#ledger.change(author, () => {
      const account = database.prepare('SELECT role, scopes FROM operator WHERE name = ?').get(operator);
      if (account === undefined) throw new OperatorError(`There is no operator ${operator}.`);
      const bearer = { role: account['role'] as Role, may: readScopes(account['scopes'] as string | null) };
      demandUsable(scopes ?? [], bearer, operator);
      this.#forgetExpired(operator, nowMs);
      if (this.listOf(operator).length >= OF_ONE_OPERATOR_MAX) {
        throw new OperatorError(`${operator} has ${OF_ONE_OPERATOR_MAX} tokens: revoke one that is not used any more.`);
      }
      database
        .prepare(
          `INSERT INTO token (id, hash, operator, label, scopes, created_at_ms, expires_at_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(id, hashOf(secret), operator, label, storedScopes(scopes), nowMs, expiresAtMs);
      const may = scopes === undefined ? 'all that the account may' : scopes.join(' ');
      const until = new Date(expiresAtMs).toISOString();
      return { operator, what: 'token', says: `The token ${id} (${label}) was made, for ${may}, until ${until}.` };
    });
    return { token: this.#find(id)!, secret };
  }

  /** Whose a secret is. A use is noted. */
  check(secret: string, from: string): TokenAnswer {
    if (!TOKEN_FORM.test(secret)) return 'unknown';
    const { database, clock } = this.#ledger;
    const row = database.prepare('SELECT * FROM token WHERE hash = ?').get(hashOf(secret));
    if (row === undefined) return 'unknown';
    const token = read(row);
    const nowMs = clock.epochMs();
    if (token.expiresAtMs <= nowMs) return 'expired';
    if (
      token.lastUsedAtMs === undefined ||
      token.lastUsedFrom !== from ||
      Math.abs(nowMs - token.lastUsedAtMs) >= LAST_USE_GRAIN_MS
    ) {
      this.#ledger.note('UPDATE token SET last_used_at_ms = ?, last_used_from = ? WHERE id = ?', nowMs, from, token.id);
    }
    return token;
  }

  /** The youngest first; the expired ones too. */
  listOf(operator: string): Token[] {
    return this.#ledger.database
      .prepare('SELECT * FROM token WHERE operator = ? ORDER BY created_at_ms DESC, id')
      .all(operator)
      .map(read);
  }

  list(): Token[] {
    return this.#ledger.database
      .prepare('SELECT * FROM token ORDER BY operator, created_at_ms DESC, id')
      .all()
      .map(read);
  }

  /** At once and for good. Undefined operator: anybody's. False when there is none of this id. */
  revoke(id: string, operator: string | undefined, author: Author): boolean {
    return this.#ledger.change(author, () => {
      const token = this.#find(id);
      if (token === undefined || (operator !== undefined && token.operator !== operator)) return undefined;
      this.#ledger.database.prepare('DELETE FROM token WHERE id = ?').run(id);
      return { operator: token.operator, what: 'token', says: `The token ${id} (${token.label}) was revoked.` };
    });
  }

  /** Returns how many there were. */
  revokeAllOf(operator: string, author: Author): number {
    let count = 0;
    this.#ledger.change(author, () => {
      count = Number(this.#ledger.database.prepare('DELETE FROM token WHERE operator = ?').run(operator).changes);
      return count === 0 ? undefined : { operator, what: 'token', says: 'All tokens of the account were revoked.' };
    });
    return count;
  }

  #find(id: string): Token | undefined {
    const row = this.#ledger.database.prepare('SELECT * FROM token WHERE id = ?').get(id);
    return row && read(row);
  }

  /** They are shown for a while, so that whoever wonders why a script fails finds the reason. */
  #forgetExpired(operator: string, nowMs: number): void {
    this.#ledger.database
      .prepare('DELETE FROM token WHERE operator = ? AND expires_at_ms < ?')
      .run(operator, nowMs - 30 * 86_400_000);
  }
}

/** @throws {OperatorError} when the label of a token or a passkey is empty, too long, or has hidden characters in it. */
export function checkLabel(label: string): void {
  const isFine = label.trim() !== '' && label.length <= LABEL_MAX_CHARACTERS && !/[\p{C}\p{Zl}\p{Zp}]/u.test(label);
  if (!isFine) {
    throw new OperatorError(`A label says in 1 to ${LABEL_MAX_CHARACTERS} visible characters what the thing is for.`);
  }
}

function read(row: Record<string, unknown>): Token {
  return Object.freeze({
    id: row['id'] as string,
    operator: row['operator'] as string,
    label: row['label'] as string,
    scopes: readScopes(row['scopes'] as string | null),
    createdAtMs: row['created_at_ms'] as number,
    expiresAtMs: row['expires_at_ms'] as number,
    lastUsedAtMs: (row['last_used_at_ms'] as number | null) ?? undefined,
    lastUsedFrom: (row['last_used_from'] as string | null) ?? undefined,
  });
}
