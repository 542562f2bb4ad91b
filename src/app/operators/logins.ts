/** Logins of operators: password, then what their role demands beside it; refused in words that tell nobody who exists. */
import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { HashQueue } from '../../policy/identity/hash-queue.ts';
import {
  defaultDecoy,
  isHashFault,
  type PasswordHash,
  parsePasswordHash,
} from '../../policy/identity/password-hash.ts';
import type { Role } from '../control/scope.ts';
import { isOperatorName, type Operator } from './accounts.ts';
import { LoginThrottle } from './login-throttle.ts';
import type { OperatorStore } from './operator-store.ts';
import type { LoginMethod, OpenedSession, Session } from './sessions.ts';

export type Demand = 'optional' | 'required';

export interface LoginOptions {
  readonly store: OperatorStore;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly secondFactor: Readonly<Record<Role, Demand>>;
}

/** Where a login comes from. */
export interface LoginOrigin {
  readonly address: string;
  /** The browser, as it calls itself. */
  readonly agent: string;
}

export type LoginOutcome =
  | ({ readonly kind: 'opened' } & OpenedSession)
  | { readonly kind: 'refused'; readonly says: string }
  | { readonly kind: 'wait'; readonly waitMs: number; readonly says: string }
  | { readonly kind: 'unavailable'; readonly says: string };

/** One sentence for all that can be wrong, a disabled account too. */
const WRONG = 'The name or the password is wrong.';
const WRONG_CODE = 'The code is wrong, or was used before.';
const BY = 'operators';
/** Who refuses what comes too soon after what has failed. */
export const THROTTLED = 'limit:operatorLogins';
/** Hashing for operators has a queue of its own: a flood of clients' logins must not keep them out. */
const HASHES_WAITING_MAX = 64;

export class Logins {
  readonly #options: LoginOptions;
  readonly #queue: HashQueue;
  readonly #decoy: PasswordHash;
  readonly throttle: LoginThrottle;
  /** Whether a role needs one beside its password; a reload changes it. */
  secondFactor: Readonly<Record<Role, Demand>>;

  constructor(options: LoginOptions) {
    this.#options = options;
    const { clock, emit, chance } = options;
    this.secondFactor = options.secondFactor;
    this.#queue = new HashQueue({ clock, emit, runningMax: 1, waitingMax: HASHES_WAITING_MAX });
    this.#decoy = defaultDecoy(chance);
    this.throttle = new LoginThrottle({ clock, emit });
  }

  /** The first step. The session that it opens is somebody only when its stage is `full`. */
  async byPassword(name: string, password: string, origin: LoginOrigin): Promise<LoginOutcome> {
    const { accounts, sessions } = this.#options.store;
    const operator = isOperatorName(name) ? accounts.find(name) : undefined;
    const shownName = isOperatorName(name) ? name : undefined;
    const waitMs = this.throttle.admit(shownName ?? '', operator !== undefined, origin.address);
    if (waitMs !== undefined) return this.#hold(waitMs, shownName, 'password', origin);
    const answer = await this.#verify(operator, password, origin);
    if (answer === 'unavailable') {
      return { kind: 'unavailable', says: 'Too many logins wait already; try again in a moment.' };
    }
    // What has changed while it was hashed holds.
    const current = operator && accounts.find(operator.name);
    if (answer === 'differs' || current === undefined || current.hash !== operator?.hash || current.isDisabled) {
      return this.#refuse(WRONG, shownName, 'password', origin);
    }
    this.throttle.succeeded(current.name, origin.address);
    const stage = this.#stageAfterPassword(current);
    const opened = sessions.open({ operator: current.name, stage, method: 'password', ...origin });
    if (stage === 'full') this.#succeed(current, 'password', origin);
    return { kind: 'opened', ...opened };
  }

  /** The second step, with a code of the app or a recovery code. */
  byCode(session: Session, code: string, origin: LoginOrigin): LoginOutcome {
    const { store } = this.#options;
    const operator = this.enabled(session.operator);
    if (operator === undefined || session.stage === 'enrolment') return { kind: 'refused', says: WRONG_CODE };
    const waitMs = this.throttle.admit(operator.name, true, origin.address);
    if (waitMs !== undefined) return this.#hold(waitMs, operator.name, 'totp', origin);
    const kind = store.secondFactors.check(operator.name, code);
    if (kind === undefined) return this.#refuse(WRONG_CODE, operator.name, 'totp', origin);
    this.throttle.succeeded(operator.name, origin.address);
    return this.goOn(session, operator, kind === 'totp' ? 'password+totp' : 'password+recovery', origin);
  }

  /** A passkey alone, or as the second step of `session`. Whoever uses one was verified by it: it is two factors in one. */
  async byPasskey(
    session: Session | undefined,
    response: AuthenticationResponseJSON,
    origin: LoginOrigin,
  ): Promise<LoginOutcome> {
    const waitMs = this.throttle.admitAddress(origin.address);
    if (waitMs !== undefined) return this.#hold(waitMs, session?.operator, 'passkey', origin);
    const answer = await this.#options.store.passkeys.check(response);
    if (!answer.ok) return this.#refuse(answer.says, answer.operator, 'passkey', origin);
    const { operator } = answer;
    if (operator.isDisabled || (session !== undefined && session.operator !== operator.name)) {
      return this.#refuse('The passkey is not for this login.', operator.name, 'passkey', origin);
    }
    // Alone it would let in, with the role of the last login, whom the provider knows no more.
    if (session === undefined && operator.sso !== undefined) {
      return this.#refuse('This account logs in by single sign-on: begin there.', operator.name, 'passkey', origin);
    }
    this.throttle.succeededFrom(origin.address);
    return session === undefined
      ? this.open(operator, 'passkey', origin)
      : this.goOn(session, operator, 'password+passkey', origin);
  }

  /** A proof was given: the login becomes whole, or a session that is whole counts as fresh. The cookie is another one then. */
  goOn(session: Session, operator: Operator, method: LoginMethod, origin: LoginOrigin): LoginOutcome {
    const isWhole = session.stage === 'full' && session.method !== 'password';
    const opened = this.#options.store.sessions.rotate(session, 'full', isWhole ? session.method : method);
    if (opened === undefined) return { kind: 'refused', says: 'The session has ended: log in anew.' };
    if (session.stage !== 'full') this.#succeed(operator, method, origin);
    return { kind: 'opened', ...opened };
  }

  /** Somebody has proven all at once, by a passkey or at the provider of single sign-on; there it may have been earlier. */
  open(operator: Operator, method: LoginMethod, origin: LoginOrigin, provenAtMs?: number): LoginOutcome {
    const begun = { operator: operator.name, stage: 'full', method, ...origin } as const;
    const opened = this.#options.store.sessions.open(begun, provenAtMs);
    this.#succeed(operator, method, origin);
    return { kind: 'opened', ...opened };
  }

  /** Who is logged in proves it once more by the password, where there is no second factor to ask for. */
  async byPasswordAgain(session: Session, password: string, origin: LoginOrigin): Promise<LoginOutcome> {
    const operator = this.enabled(session.operator);
    if (operator?.hash === undefined || session.stage !== 'full' || this.hasSecondFactor(operator)) {
      return { kind: 'refused', says: 'A password alone does not do here: give a code, or use a passkey.' };
    }
    const refusal = await this.checkPassword(operator, password, origin);
    return refusal ?? this.goOn(session, operator, session.method, origin);
  }

  /** Undefined when it is the operator's password. */
  async checkPassword(operator: Operator, password: string, origin: LoginOrigin): Promise<LoginOutcome | undefined> {
    const waitMs = this.throttle.admit(operator.name, true, origin.address);
    if (waitMs !== undefined) return this.#hold(waitMs, operator.name, 'password', origin);
    const answer = await this.#verify(operator, password, origin);
    if (answer === 'unavailable')
      return { kind: 'unavailable', says: 'Too many logins wait already; try again in a moment.' };
    if (answer === 'differs') return this.#refuse('The password is wrong.', operator.name, 'password', origin);
    this.throttle.succeeded(operator.name, origin.address);
    return undefined;
  }

  hasSecondFactor(operator: Operator): boolean {
    return operator.hasTotp || operator.passkeys > 0;
  }

  needsSecondFactor(operator: Operator): boolean {
    return this.secondFactor[operator.role] === 'required';
  }

  enabled(name: string): Operator | undefined {
    const operator = this.#options.store.accounts.find(name);
    return operator?.isDisabled === false ? operator : undefined;
  }

  /** Tells of a login that failed for a reason of its own. */
  fail(says: string, operator: string | undefined, method: string, { address }: LoginOrigin, by = BY): void {
    const named = operator === undefined ? {} : { operator };
    this.#options.emit({ name: 'operator.login.failed', address, ...named, method, by, says });
  }

  #stageAfterPassword(operator: Operator): 'second-factor' | 'enrolment' | 'full' {
    if (this.hasSecondFactor(operator)) return 'second-factor';
    return this.needsSecondFactor(operator) ? 'enrolment' : 'full';
  }

  /** An unknown name, and one without a password, cost as much as any. */
  async #verify(
    operator: Operator | undefined,
    password: string,
    { address }: LoginOrigin,
  ): Promise<'matches' | 'differs' | 'unavailable'> {
    const hash = operator?.hash === undefined ? undefined : parsePasswordHash(operator.hash);
    const isKnown = hash !== undefined && !isHashFault(hash);
    const answer = await this.#queue.verify(isKnown ? hash : this.#decoy, Buffer.from(password), {
      origin: { listener: 'control', address, port: 0, secure: true },
    });
    if (answer === 'matches') return isKnown ? 'matches' : 'differs';
    return answer === 'differs' ? 'differs' : 'unavailable';
  }

  #succeed(operator: Operator, method: LoginMethod, { address }: LoginOrigin): void {
    const { store, emit } = this.#options;
    this.throttle.proven(operator.name, address);
    store.accounts.loggedIn(operator.name);
    emit({ name: 'operator.login.succeeded', address, operator: operator.name, role: operator.role, method });
  }

  #refuse(says: string, operator: string | undefined, method: string, origin: LoginOrigin): LoginOutcome {
    this.fail(says, operator, method, origin);
    return { kind: 'refused', says };
  }

  #hold(waitMs: number, operator: string | undefined, method: string, origin: LoginOrigin): LoginOutcome {
    const says = `Too many logins have failed: try again in ${Math.ceil(waitMs / 1000)} s.`;
    this.fail(says, operator, method, origin, THROTTLED);
    return { kind: 'wait', waitMs, says };
  }
}
