/** Sessions of operators in a browser: an opaque secret in a cookie, kept as its hash, with an end by idleness and one by age. */
import { createHmac } from 'node:crypto';
import type { Author, Ledger } from './ledger.ts';
import { hashOf, isSameText, randomSecret } from './secret-text.ts';

/**
 * How far a login has come. `second-factor`: the password was right, a code or passkey is due. `enrolment`: the role demands a
 * second factor, and there is none yet. Only `full` is somebody.
 */
export const SESSION_STAGES = ['second-factor', 'enrolment', 'full'] as const;
export type SessionStage = (typeof SESSION_STAGES)[number];

/** What has proven who it is. */
export type LoginMethod = 'password' | 'password+totp' | 'password+recovery' | 'password+passkey' | 'passkey' | 'sso';

export interface Session {
  /** Names it in lists and in the journal; not secret. */
  readonly id: string;
  readonly operator: string;
  readonly stage: SessionStage;
  readonly method: LoginMethod;
  /** From where it was opened. */
  readonly address: string;
  /** The browser, as it calls itself. Hostile. */
  readonly agent: string;
  /** Epoch milliseconds, all of them. */
  readonly createdAtMs: number;
  /** When who it is was proven last. */
  readonly provenAtMs: number;
  readonly lastUsedAtMs: number;
  readonly expiresAtMs: number;
}

export interface SessionOptions {
  readonly idleTimeoutMs: number;
  readonly lifetimeMs: number;
  /** How long a proof serves for what is dangerous. */
  readonly stepUpAfterMs: number;
}

export interface OpenedSession {
  readonly session: Session;
  /** For the cookie. */
  readonly secret: string;
}

const SECRET_FORM = /^[A-Za-z0-9_-]{43}$/;
const ID_BYTES = 8;
/** A login that is not finished by then begins anew. */
const UNFINISHED_LIFETIME_MS = 10 * 60_000;
const OF_ONE_OPERATOR_MAX = 20;
const AGENT_MAX_CHARACTERS = 200;
/** The last use is written down at most so often, and never coarser than a tenth of the idle timeout. */
const LAST_USE_GRAIN_MS = 60_000;

export class Sessions {
  readonly #ledger: Ledger;
  /** Takes effect for open sessions too, but for the lifetime of those that are longer. */
  options: SessionOptions;
  /** Told of each that has ended other than with its account. */
  onEnded: (session: Session, says: string) => void = () => undefined;

  constructor(ledger: Ledger, options: SessionOptions) {
    this.#ledger = ledger;
    this.options = options;
  }

  /** `provenAtMs` where who it is was not proven just now. */
  open(
    begun: Pick<Session, 'operator' | 'stage' | 'method' | 'address' | 'agent'>,
    provenAtMs?: number,
  ): OpenedSession {
    const { chance, clock, database } = this.#ledger;
    const secret = randomSecret(chance);
    const id = chance.bytes(ID_BYTES).toString('hex');
    const nowMs = clock.epochMs();
    const ended: [Session, string][] = [];
    this.#ledger.transact(() => {
      ended.push(...this.#removeOld(nowMs));
      const { operator, stage, method, address, agent } = begun;
      for (const session of this.listOf(operator).slice(OF_ONE_OPERATOR_MAX - 1)) {
        this.#delete(session.id);
        ended.push([session, `There are ${OF_ONE_OPERATOR_MAX} newer ones.`]);
      }
      const shown = agent.slice(0, AGENT_MAX_CHARACTERS);
      const expiresAtMs = nowMs + this.#lifetimeOf(stage);
      database
        .prepare('INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
        .run(
          hashOf(secret),
          id,
          operator,
          stage,
          method,
          address,
          shown,
          nowMs,
          provenAtMs ?? nowMs,
          nowMs,
          expiresAtMs,
        );
    });
    for (const [session, says] of ended) this.onEnded(session, says);
    return { session: this.#byId(id)!, secret };
  }

  /** The session of a cookie, which counts as a use unless `isUse` says otherwise; undefined where there is none, or no longer. */
  find(secret: string, isUse = true): Session | undefined {
    if (!SECRET_FORM.test(secret)) return undefined;
    const { clock, database } = this.#ledger;
    const hash = hashOf(secret);
    const row = database.prepare('SELECT * FROM session WHERE hash = ?').get(hash);
    if (row === undefined) return undefined;
    const session = read(row);
    const nowMs = clock.epochMs();
    const says = this.#endOf(session, nowMs);
    if (says !== undefined) {
      this.#ledger.note('DELETE FROM session WHERE hash = ?', hash);
      this.onEnded(session, says);
      return undefined;
    }
    const grainMs = Math.min(LAST_USE_GRAIN_MS, this.options.idleTimeoutMs / 10);
    if (isUse && Math.abs(nowMs - session.lastUsedAtMs) >= grainMs) {
      this.#ledger.note('UPDATE session SET last_used_at_ms = ? WHERE hash = ?', nowMs, hash);
    }
    return session;
  }

  /**
   * Goes on under a new secret, the old one being worth nothing from now on: with each step of a login, and when who it is was
   * proven anew. The age counts from when it became full.
   */
  rotate(session: Session, stage: SessionStage, method: LoginMethod): OpenedSession | undefined {
    const { chance, clock, database } = this.#ledger;
    const secret = randomSecret(chance);
    const nowMs = clock.epochMs();
    const goesOn = session.stage === stage;
    const createdAtMs = goesOn ? session.createdAtMs : nowMs;
    const expiresAtMs = goesOn ? session.expiresAtMs : nowMs + this.#lifetimeOf(stage);
    const { changes } = database
      .prepare(
        `UPDATE session SET hash = ?, stage = ?, method = ?, created_at_ms = ?, proven_at_ms = ?, last_used_at_ms = ?,
           expires_at_ms = ? WHERE id = ?`,
      )
      .run(hashOf(secret), stage, method, createdAtMs, nowMs, nowMs, expiresAtMs, session.id);
    return changes === 0 ? undefined : { session: this.#byId(session.id)!, secret };
  }

  /** Whether who it is was proven so lately that it may do what is dangerous. */
  isFresh(session: Session): boolean {
    const ageMs = this.#ledger.clock.epochMs() - session.provenAtMs;
    return ageMs >= 0 && ageMs <= this.options.stepUpAfterMs;
  }

  /** By the name that a principal carries. */
  named(id: string): Session | undefined {
    return this.#byId(id);
  }

  /** The one used last comes first. */
  listOf(operator: string): Session[] {
    return this.#ledger.database
      .prepare('SELECT * FROM session WHERE operator = ? ORDER BY last_used_at_ms DESC, created_at_ms DESC, id')
      .all(operator)
      .map(read);
  }

  /** Those that are full and could be used now. */
  liveOf(operator: string): Session[] {
    const nowMs = this.#ledger.clock.epochMs();
    return this.listOf(operator).filter((one) => one.stage === 'full' && this.#endOf(one, nowMs) === undefined);
  }

  /** False when the operator has none of this id. */
  end(id: string, operator: string, says: string): boolean {
    const session = this.#byId(id);
    if (session === undefined || session.operator !== operator) return false;
    this.#delete(id);
    this.onEnded(session, says);
    return true;
  }

  /** Returns how many there were. */
  endAllOf(operator: string, author: Author): number {
    let count = 0;
    this.#ledger.change(author, () => {
      count = Number(this.#ledger.database.prepare('DELETE FROM session WHERE operator = ?').run(operator).changes);
      return count === 0 ? undefined : { operator, what: 'session', says: 'All sessions were ended.' };
    });
    return count;
  }

  #lifetimeOf(stage: SessionStage): number {
    return stage === 'full' ? this.options.lifetimeMs : UNFINISHED_LIFETIME_MS;
  }

  /** Why it is over, if it is. A clock that was set back does not make it live longer than it should. */
  #endOf(session: Session, nowMs: number): string | undefined {
    if (nowMs >= session.expiresAtMs) return 'It has reached its age.';
    if (nowMs < session.createdAtMs) return 'The clock was set back to before its beginning.';
    if (nowMs - session.lastUsedAtMs >= this.options.idleTimeoutMs) return 'It was idle for too long.';
    return undefined;
  }

  #removeOld(nowMs: number): [Session, string][] {
    const old = this.#ledger.database
      .prepare('SELECT * FROM session WHERE expires_at_ms <= ? OR last_used_at_ms <= ?')
      .all(nowMs, nowMs - this.options.idleTimeoutMs)
      .map(read);
    return old.map((session) => {
      this.#delete(session.id);
      return [session, this.#endOf(session, nowMs) ?? 'It is over.'];
    });
  }

  #byId(id: string): Session | undefined {
    const row = this.#ledger.database.prepare('SELECT * FROM session WHERE id = ?').get(id);
    return row && read(row);
  }

  #delete(id: string): void {
    this.#ledger.database.prepare('DELETE FROM session WHERE id = ?').run(id);
  }
}

/**
 * What a page sends in a header with all that changes something: another site can make a browser send the cookie, and cannot read
 * what comes of it. Made of the cookie's secret, so that there is nothing to keep, and both are renewed together.
 */
export function csrfTokenOf(secret: string): string {
  return createHmac('sha256', secret).update('sallyport csrf').digest('base64url');
}

export function isCsrfTokenOf(secret: string, given: string): boolean {
  return isSameText(csrfTokenOf(secret), given);
}

function read(row: Record<string, unknown>): Session {
  return Object.freeze({
    id: row['id'] as string,
    operator: row['operator'] as string,
    stage: row['stage'] as SessionStage,
    method: row['method'] as LoginMethod,
    address: row['address'] as string,
    agent: row['agent'] as string,
    createdAtMs: row['created_at_ms'] as number,
    provenAtMs: row['proven_at_ms'] as number,
    lastUsedAtMs: row['last_used_at_ms'] as number,
    expiresAtMs: row['expires_at_ms'] as number,
  });
}
