/** The operators of a running gateway: their store, their logins, and what tells the control API who asks. */
import { isDeepStrictEqual } from 'node:util';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { hashPassword } from '../../policy/identity/password-hash.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import { ControlProblem } from '../control/problem-details.ts';
import { passwordFault } from '../users/password-rules.ts';
import type { NewOperator, Operator } from './accounts.ts';
import { ceilingTold } from './ceiling-told.ts';
import { ChangeTeller } from './change-teller.ts';
import type { Author } from './ledger.ts';
import { type LoginOrigin, Logins, THROTTLED } from './logins.ts';
import { OperatorAuthenticator } from './operator-authenticator.ts';
import { OperatorStore } from './operator-store.ts';
import { operatorsFileOf } from './operators-file.ts';
import { CHALLENGES_MAX } from './passkeys.ts';
import { SingleSignOn } from './single-sign-on.ts';

const WRONG_CODE =
  'The code is wrong, used, or older than a day: `sallyport operators code` on the machine makes a new one.';

export interface OperatorsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
}

export class Operators {
  readonly store: OperatorStore;
  readonly logins: Logins;
  readonly authenticator: OperatorAuthenticator;
  readonly #teller: ChangeTeller;
  readonly #options: OperatorsOptions;
  #config: Config;
  /** Undefined where no provider is configured. */
  sso: SingleSignOn | undefined;

  /** @throws {OperatorError} when their file cannot be used. */
  constructor(options: OperatorsOptions) {
    const { config, clock, chance, emit } = options;
    this.#options = options;
    this.#config = config;
    this.store = openOperatorStore(config, clock, chance);
    const { secondFactor } = config.control.operators;
    this.logins = new Logins({ store: this.store, clock, chance, emit, secondFactor });
    this.authenticator = new OperatorAuthenticator(this.store, this.logins);
    this.store.sessions.onEnded = ({ operator, address }, says) =>
      emit({ name: 'operator.session.ended', address, operator, says });
    this.store.passkeys.publicUrl = config.control.operators.publicUrl;
    this.store.passkeys.onFull = ceilingTold(options, {
      ceiling: 'operatorPasskeyChallengesMax',
      limit: CHALLENGES_MAX,
      says: 'More passkeys are asked for at once than are remembered; the oldest questions are forgotten.',
    });
    this.sso = this.#makeSso(config);
    this.#teller = new ChangeTeller(this.store.ledger, { clock, emit, path: operatorsFileOf(config.dataDirectory) });
  }

  /**
   * Makes the first admin's account with the one-time code.
   * @throws {ControlProblem} when it cannot be.
   */
  async claim(claimed: { code: string; name: string; password: string }, origin: LoginOrigin): Promise<Operator> {
    const { code, name, password } = claimed;
    const { codes, accounts } = this.store;
    const waitMs = this.logins.throttle.admitAddress(origin.address);
    if (waitMs !== undefined) {
      this.logins.fail('Too many attempts have failed.', undefined, 'one-time code', origin, THROTTLED);
      const headers = { 'retry-after': String(Math.ceil(waitMs / 1000)) };
      throw new ControlProblem('too-many-requests', 'Too many attempts have failed: try again later.', { headers });
    }
    // Nobody without the code learns which passwords or names would do.
    if (!codes.isRight(code)) {
      this.logins.fail(WRONG_CODE, undefined, 'one-time code', origin);
      throw new ControlProblem('unauthenticated', WRONG_CODE);
    }
    this.logins.throttle.succeededFrom(origin.address);
    const hash = await this.#hashOf(name, password, []);
    const outcome = codes.claim(code, { name, hash }, { by: 'one-time code', from: origin.address });
    if (outcome === 'wrong code') throw new ControlProblem('unauthenticated', WRONG_CODE);
    if (outcome === 'name taken')
      throw new ControlProblem('conflict', `There is an operator ${name}: choose another name.`);
    return accounts.find(name)!;
  }

  /** @throws {OperatorError} when the password does not do; {ControlProblem} when the name is taken. */
  async add(operator: Omit<NewOperator, 'hash'>, password: string | undefined, author: Author): Promise<Operator> {
    const hash = password === undefined ? {} : { hash: await this.#hashOf(operator.name, password, []) };
    if (!this.store.accounts.add({ ...operator, ...hash }, author)) {
      throw new ControlProblem('conflict', `There is an operator ${operator.name} already.`);
    }
    return this.store.accounts.find(operator.name)!;
  }

  /** Ends every session but `exceptSession`. @throws {OperatorError} when the password does not do. */
  async setPassword(name: string, password: string, author: Author, exceptSession?: string): Promise<void> {
    const { accounts } = this.store;
    const hash = await this.#hashOf(name, password, accounts.hashesOf(name));
    const { historyMax } = this.#config.authentication.passwordRules;
    accounts.setPassword(name, hash, historyMax, author, exceptSession);
  }

  async #hashOf(name: string, password: string, former: readonly string[]): Promise<string> {
    const fault = await passwordFault(password, name, former, this.#config.authentication.passwordRules);
    if (fault !== undefined) throw new OperatorError(fault);
    return hashPassword(Buffer.from(password), this.#options.chance);
  }

  /** What a reload has changed holds for the next request, of those who are logged in too. */
  apply(config: Config): void {
    const former = this.#config.control.operators;
    this.#config = config;
    const { sessions, tokenLifetimeMaxMs, secondFactor, sso, publicUrl } = config.control.operators;
    this.store.sessions.options = sessions;
    this.store.tokens.options = { lifetimeMaxMs: tokenLifetimeMaxMs };
    this.logins.secondFactor = secondFactor;
    this.store.passkeys.publicUrl = publicUrl;
    const isSame = isDeepStrictEqual({ sso, publicUrl }, { sso: former.sso, publicUrl: former.publicUrl });
    if (!isSame) this.sso = this.#makeSso(config);
  }

  #makeSso({ control }: Config): SingleSignOn | undefined {
    const { sso, publicUrl } = control.operators;
    if (sso === undefined || publicUrl === undefined) return undefined;
    return new SingleSignOn({ ...this.#options, config: sso, publicUrl, store: this.store, logins: this.logins });
  }

  close(): void {
    this.#teller.close();
    this.store.close();
  }
}

/** @throws {OperatorError} when the file cannot be used. */
export function openOperatorStore(config: Config, clock: Clock, chance: Chance): OperatorStore {
  const { sessions, tokenLifetimeMaxMs } = config.control.operators;
  return new OperatorStore({
    path: operatorsFileOf(config.dataDirectory),
    clock,
    chance,
    tokens: { lifetimeMaxMs: tokenLifetimeMaxMs },
    sessions,
  });
}
