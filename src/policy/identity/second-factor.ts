/**
 * A second factor for methods that ask for something known: users who have one show a one-time code too, behind their password
 * or in the v5 user property `totp`. A wrong code is refused in the words of a wrong password.
 *
 * INVARIANT: a code is looked at only when the first factor is right, so that nobody without it can use codes up or guess at them.
 */
import type { Clock } from '../../base/clock.ts';
import { Reason } from '../../mqtt/reason.ts';
import type {
  AuthenticationResult,
  Credentials,
  EnhancedMethod,
  EnhancedStep,
  Identity,
  IdentityMethod,
  Standing,
} from './identity.ts';
import { denyLogin } from './password-login.ts';
import { deny } from './results.ts';
import { CODE_DIGITS, matchingStep } from './totp.ts';
import {
  hashRecoveryCode,
  isRecoveryCode,
  RECOVERY_CODE_CHARACTERS,
  type TotpUser,
  type TotpUsers,
} from './totp-file.ts';

/** Remembers what has been used, on disk before it answers. Throws when it cannot: then the code is refused. */
export interface UsedCodes {
  /** Marks a step as used; false when it or a later one was used before. */
  useStep(username: string, step: number): boolean;
  /** Marks a recovery code as used; false when it was before. */
  useRecovery(username: string, hash: string): boolean;
}

export interface SecondFactorOptions {
  readonly users: TotpUsers;
  readonly used: UsedCodes;
  readonly clock: Clock;
}

const BY = 'totp';
/** Between the marks of the first factor and of the second. */
const MARK = ' totp:';
/** Wrong codes behind a right password, before that user has to wait [RFC 4226 7.3]. */
const FAILURES_MAX = 5;
const PAUSE_MS = 300_000;

export class SecondFactor {
  readonly #users: TotpUsers;
  readonly #used: UsedCodes;
  readonly #clock: Clock;
  /** INVARIANT: only of users who have a second factor, so that the file bounds it. */
  readonly #failures = new Map<string, { count: number; lastMs: number }>();

  constructor(options: SecondFactorOptions) {
    this.#users = options.users;
    this.#used = options.used;
    this.#clock = options.clock;
  }

  of(username: string | undefined): TotpUser | undefined {
    return username === undefined ? undefined : this.#users.get(username);
  }

  /** @throws when what was used cannot be remembered. */
  accepts(user: TotpUser, code: string | undefined): boolean {
    const { username } = user;
    const nowMs = this.#clock.nowMs();
    const failures = this.#failures.get(username);
    const isPaused = failures !== undefined && nowMs - failures.lastMs < PAUSE_MS && failures.count >= FAILURES_MAX;
    if (isPaused || code === undefined) return false;
    if (this.#use(user, code)) {
      this.#failures.delete(username);
      return true;
    }
    const isRecent = failures !== undefined && nowMs - failures.lastMs < PAUSE_MS;
    this.#failures.set(username, { count: isRecent ? failures.count + 1 : 1, lastMs: nowMs });
    return false;
  }

  #use({ username, secret, recovery }: TotpUser, code: string): boolean {
    if (isRecoveryCode(code)) {
      const hash = hashRecoveryCode(username, code);
      return recovery.has(hash) && this.#used.useRecovery(username, hash);
    }
    const step = matchingStep(secret, code, this.#clock.epochMs());
    return step !== undefined && this.#used.useStep(username, step);
  }
}

/** The method, with a second factor for those who have one. */
export function withSecondFactor(method: IdentityMethod, factor: SecondFactor): IdentityMethod {
  const judge = (result: AuthenticationResult, code: string | undefined): AuthenticationResult => {
    if (!result.ok) return result;
    const user = factor.of(result.identity.username);
    if (user === undefined) return result;
    try {
      if (!factor.accepts(user, code)) return denyLogin({ method: method.name, by: BY });
    } catch {
      return deny(Reason.ServerUnavailable, BY, 'The one-time code could not be checked.', method.name);
    }
    return Object.freeze({ ok: true, identity: marked(result.identity, user) });
  };
  const enhanced = method.enhanced?.map((each): EnhancedMethod => {
    return {
      name: each.name,
      begin: (credentials) => {
        const exchange = each.begin(credentials);
        return {
          step: async (data): Promise<EnhancedStep | undefined> => {
            const step = await exchange.step(data);
            if (step?.kind !== 'done') return step;
            const result = judge(step.result, credentials.oneTimeCode);
            // The server proves itself only to whom it has accepted.
            return result.ok ? { ...step, result } : { kind: 'done', result };
          },
        };
      },
    };
  });
  return {
    name: method.name,
    ...(enhanced === undefined ? {} : { enhanced }),
    authenticate(credentials) {
      const { first, code } = factor.of(credentials.username) === undefined ? whole(credentials) : split(credentials);
      const answer = method.authenticate(first);
      return answer?.then((result) => result && judge(result, code));
    },
    stillValid(identity: Identity, standing: Standing): boolean {
      const user = factor.of(identity.username);
      const [first = '', mark] = identity.credential.split(MARK);
      if (user !== undefined && user.mark !== mark) return false;
      return method.stillValid({ ...identity, credential: first }, standing);
    },
    ...(method.isSecret === undefined ? {} : { isSecret: (username) => method.isSecret?.(username) === true }),
  };
}

interface Shown {
  readonly first: Credentials;
  readonly code: string | undefined;
}

/** The name that a method establishes may have a second factor although the one that was shown has not. */
function whole(credentials: Credentials): Shown {
  return { first: credentials, code: credentials.oneTimeCode };
}

/** Password and code, where they come in one. What has no code in it goes on as it is: it costs as much, and is refused. */
function split(credentials: Credentials): Shown {
  const { password, oneTimeCode } = credentials;
  if (oneTimeCode !== undefined || password === undefined) return whole(credentials);
  const tail = Buffer.from(password.subarray(-RECOVERY_CODE_CHARACTERS)).toString('latin1');
  const code = isRecoveryCode(tail) ? tail : tail.slice(-CODE_DIGITS);
  if (code !== tail && !/^\d{6}$/.test(code)) return whole(credentials);
  return { first: { ...credentials, password: password.subarray(0, password.length - code.length) }, code };
}

/** A session that was opened without the second factor, or with another secret, does not outlast the reload that demands it. */
function marked(identity: Identity, { mark }: TotpUser): Identity {
  return Object.freeze({ ...identity, credential: `${identity.credential}${MARK}${mark}` });
}
