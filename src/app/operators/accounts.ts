/** The accounts of operators: who there is, what they may, and their passwords. */
import type { Chance } from '../../base/chance.ts';
import { OperatorError } from '../config/problem.ts';
import type { Role, Scope } from '../control/scope.ts';
import type { Author, Ledger } from './ledger.ts';
import { readScopes, roleNamed, type ScopeSet, storedScopes } from './scope-set.ts';

export interface Operator {
  readonly name: string;
  readonly role: Role;
  /** To which the account is narrowed. */
  readonly scopes: ScopeSet;
  readonly isDisabled: boolean;
  /** Random bytes by which authenticators know the account; no name is in them. */
  readonly handle: Uint8Array;
  /** Undefined where nobody logs in with a password. */
  readonly hash: string | undefined;
  /** Where single sign-on vouches for it. */
  readonly sso: { readonly issuer: string; readonly subject: string } | undefined;
  readonly hasTotp: boolean;
  readonly passkeys: number;
  readonly recoveryCodesLeft: number;
  /** Epoch milliseconds, all three. */
  readonly createdAtMs: number;
  readonly passwordChangedAtMs: number | undefined;
  readonly lastLoginAtMs: number | undefined;
}

export interface NewOperator {
  readonly name: string;
  readonly role: Role;
  readonly scopes?: readonly Scope[] | undefined;
  readonly hash?: string;
  readonly sso?: { readonly issuer: string; readonly subject: string };
}

const HANDLE_BYTES = 32;
const OPERATORS_MAX = 10_000;

/** Plain enough for logs, commands and addresses; one spelling a name, so that nobody is taken for another. */
const NAME_FORM = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

export function isOperatorName(name: string): boolean {
  return NAME_FORM.test(name);
}

/** @throws {OperatorError} when nobody can be called that; what is wrong with it may be a password, and is not repeated. */
export function checkOperatorName(name: string): string {
  if (isOperatorName(name)) return name;
  throw new OperatorError(
    'The name of an operator has 1 to 64 lower-case letters, digits, dots, hyphens, underscores and @, and begins with a letter or digit.',
  );
}

const SELECT = `SELECT *,
  (SELECT count(*) FROM passkey WHERE passkey.operator = operator.name) AS passkeys,
  (SELECT count(*) FROM recovery_code WHERE recovery_code.operator = operator.name AND used_at_ms IS NULL) AS codes_left
  FROM operator`;

export class Accounts {
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  find(name: string): Operator | undefined {
    const row = this.#ledger.database.prepare(`${SELECT} WHERE name = ?`).get(name);
    return row && read(row);
  }

  findBySubject(issuer: string, subject: string): Operator | undefined {
    const row = this.#ledger.database.prepare(`${SELECT} WHERE issuer = ? AND subject = ?`).get(issuer, subject);
    return row && read(row);
  }

  findByHandle(handle: Uint8Array): Operator | undefined {
    const row = this.#ledger.database.prepare(`${SELECT} WHERE handle = ?`).get(handle);
    return row && read(row);
  }

  list(): Operator[] {
    return this.#ledger.database.prepare(`${SELECT} ORDER BY name`).all().map(read);
  }

  get isEmpty(): boolean {
    return this.#ledger.database.prepare('SELECT 1 FROM operator LIMIT 1').get() === undefined;
  }

  /**
   * False when there is one of this name, or of this issuer and subject, already.
   * @throws {OperatorError} for a bad name, and where there are too many.
   */
  add(operator: NewOperator, author: Author): boolean {
    return this.#ledger.change(author, () => (this.insert(operator) ? addedAs(operator) : undefined));
  }

  /** As `add`, within a change that somebody else records. */
  insert({ name, role, scopes, hash, sso }: NewOperator): boolean {
    checkOperatorName(name);
    const { database, clock, chance } = this.#ledger;
    const { count } = database.prepare('SELECT count(*) AS count FROM operator').get() as { count: number };
    if (count >= OPERATORS_MAX) throw new OperatorError(`There are ${OPERATORS_MAX} operators, and no more can be.`);
    const nowMs = clock.epochMs();
    const { changes } = database
      .prepare(
        `INSERT INTO operator (name, role, scopes, hash, handle, issuer, subject, created_at_ms, password_changed_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      )
      .run(
        name,
        role,
        storedScopes(scopes),
        hash ?? null,
        newHandle(chance),
        sso?.issuer ?? null,
        sso?.subject ?? null,
        nowMs,
        hash === undefined ? null : nowMs,
      );
    return changes > 0;
  }

  /**
   * Takes sessions and tokens with it. False when there is nobody of that name.
   * @throws {OperatorError} when it is the last admin that can log in.
   */
  remove(name: string, author: Author): boolean {
    return this.#ledger.change(author, () => {
      this.#keepAnAdmin(name);
      const isDone = this.#ledger.database.prepare('DELETE FROM operator WHERE name = ?').run(name).changes > 0;
      return isDone ? { operator: name, what: 'removed', says: 'The account was removed.' } : undefined;
    });
  }

  /**
   * What it may from now on, of open sessions and of tokens too. `scopes` undefined is all that the role may. False when there
   * is nobody of that name.
   * @throws {OperatorError} when it is the last admin that can log in, unless `mayBeLastAdmin`.
   */
  setRole(
    name: string,
    role: Role,
    scopes: readonly Scope[] | undefined,
    author: Author,
    { mayBeLastAdmin = false } = {},
  ): boolean {
    return this.#ledger.change(author, () => {
      if (!mayBeLastAdmin && (role !== 'admin' || scopes !== undefined)) this.#keepAnAdmin(name);
      const isDone =
        this.#ledger.database
          .prepare('UPDATE operator SET role = ?, scopes = ? WHERE name = ?')
          .run(role, storedScopes(scopes), name).changes > 0;
      const narrowed = scopes === undefined ? '' : `, narrowed to ${scopes.join(' ')}`;
      return isDone ? { operator: name, what: 'role', says: `The role is ${role} now${narrowed}.` } : undefined;
    });
  }

  /**
   * Ends the sessions of whom it disables; tokens rest until it is enabled. False when there is nobody of that name.
   * @throws {OperatorError} when it is the last admin that can log in.
   */
  setDisabled(name: string, isDisabled: boolean, author: Author): boolean {
    return this.#ledger.change(author, () => {
      if (isDisabled) this.#keepAnAdmin(name);
      const { database } = this.#ledger;
      const isDone =
        database.prepare('UPDATE operator SET disabled = ? WHERE name = ?').run(isDisabled ? 1 : 0, name).changes > 0;
      if (!isDone) return undefined;
      if (isDisabled) database.prepare('DELETE FROM session WHERE operator = ?').run(name);
      return {
        operator: name,
        what: isDisabled ? 'disabled' : 'enabled',
        says: isDisabled ? 'The account was disabled, and its sessions ended.' : 'The account was enabled.',
      };
    });
  }

  /**
   * Remembers the hash that was, and forgets all but `historyMax` former ones; ends every session but `exceptSession`. False when
   * there is nobody of that name.
   */
  setPassword(name: string, hash: string, historyMax: number, author: Author, exceptSession?: string): boolean {
    return this.#ledger.change(author, () => {
      const { database, clock } = this.#ledger;
      database
        .prepare(
          'INSERT INTO former_hash (operator, hash) SELECT name, hash FROM operator WHERE name = ? AND hash IS NOT NULL',
        )
        .run(name);
      database
        .prepare(
          `DELETE FROM former_hash WHERE operator = ? AND number NOT IN
             (SELECT number FROM former_hash WHERE operator = ? ORDER BY number DESC LIMIT ?)`,
        )
        .run(name, name, Math.max(0, historyMax - 1));
      const isDone =
        database
          .prepare('UPDATE operator SET hash = ?, password_changed_at_ms = ? WHERE name = ?')
          .run(hash, clock.epochMs(), name).changes > 0;
      database.prepare('DELETE FROM session WHERE operator = ? AND id IS NOT ?').run(name, exceptSession ?? null);
      return isDone
        ? { operator: name, what: 'password', says: 'The password was changed, and other sessions ended.' }
        : undefined;
    });
  }

  /** The present hash and the former ones, the youngest first. */
  hashesOf(name: string): string[] {
    const { database } = this.#ledger;
    const present = database.prepare('SELECT hash FROM operator WHERE name = ? AND hash IS NOT NULL').all(name);
    const former = database.prepare('SELECT hash FROM former_hash WHERE operator = ? ORDER BY number DESC').all(name);
    return [...present, ...former].map((row) => row['hash'] as string);
  }

  loggedIn(name: string): void {
    this.#ledger.note('UPDATE operator SET last_login_at_ms = ? WHERE name = ?', this.#ledger.clock.epochMs(), name);
  }

  /** Somebody has to be left who can put everything else right from afar; an account for tokens alone is nobody: tokens end. */
  #keepAnAdmin(name: string): void {
    const admins = this.#ledger.database
      .prepare(
        `SELECT name FROM operator WHERE role = 'admin' AND scopes IS NULL AND disabled = 0 AND (
           hash IS NOT NULL OR issuer IS NOT NULL
           OR EXISTS (SELECT 1 FROM passkey WHERE passkey.operator = operator.name)
           OR EXISTS (SELECT 1 FROM certificate WHERE certificate.operator = operator.name))`,
      )
      .all()
      .map((row) => row['name']);
    if (admins.length === 1 && admins[0] === name) {
      throw new OperatorError(`${name} is the only admin who can log in: make another one first.`);
    }
  }
}

export function addedAs({ name, role, scopes }: NewOperator): { operator: string; what: 'added'; says: string } {
  const narrowed = scopes === undefined ? '' : `, narrowed to ${scopes.join(' ')}`;
  return { operator: name, what: 'added', says: `The account was made, with the role ${role}${narrowed}.` };
}

function newHandle(chance: Chance): Buffer {
  return chance.bytes(HANDLE_BYTES);
}

function read(row: Record<string, unknown>): Operator {
  const issuer = row['issuer'] as string | null;
  return Object.freeze({
    name: row['name'] as string,
    role: roleNamed(row['role'] as string),
    scopes: readScopes(row['scopes'] as string | null),
    isDisabled: row['disabled'] !== 0,
    handle: row['handle'] as Uint8Array,
    hash: (row['hash'] as string | null) ?? undefined,
    sso: issuer === null ? undefined : { issuer, subject: row['subject'] as string },
    hasTotp: row['totp_secret'] !== null,
    passkeys: row['passkeys'] as number,
    recoveryCodesLeft: row['codes_left'] as number,
    createdAtMs: row['created_at_ms'] as number,
    passwordChangedAtMs: (row['password_changed_at_ms'] as number | null) ?? undefined,
    lastLoginAtMs: (row['last_login_at_ms'] as number | null) ?? undefined,
  });
}
