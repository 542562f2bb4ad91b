/** User name and password against hashes that somebody else keeps: a database or a key-value store. */
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { type BackendAnswer, denyTrouble } from './backend.ts';
import { DecoyOfMost } from './decoy-of-most.ts';
import type { HashQueue } from './hash-queue.ts';
import type { AuthenticationResult, Credentials, IdentityMethod } from './identity.ts';
import type { PasswordHash } from './password-hash.ts';
import { type Author, denyLogin, readLogin, showsNoLogin, type UnknownUser, verifyStored } from './password-login.ts';
import { accept } from './results.ts';
import { vouchedFor } from './vouched.ts';

/** A user as somebody else's store has it. */
export interface SourcedUser {
  readonly hash: PasswordHash;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

export type FindUser = (username: string, clientId: string) => Promise<BackendAnswer<SourcedUser | undefined>>;

export interface StoredLoginOptions {
  /** What the configuration calls it, such as `postgresql`. */
  readonly name: string;
  readonly find: FindUser;
  /** `deny`. */
  readonly unknownUser?: UnknownUser;
  readonly validForMs: number | undefined;
  readonly queue: HashQueue;
  readonly clock: Clock;
  readonly chance: Chance;
}

export class StoredLoginMethod implements IdentityMethod {
  readonly name: string;
  readonly #options: StoredLoginOptions;
  readonly #author: Author;
  readonly #decoy: DecoyOfMost;

  constructor(options: StoredLoginOptions) {
    this.name = options.name;
    this.#options = options;
    this.#author = { method: options.name, by: options.name };
    this.#decoy = new DecoyOfMost(options.chance);
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult | undefined> | undefined {
    return showsNoLogin(credentials) ? undefined : this.#judge(credentials);
  }

  async #judge(credentials: Credentials): Promise<AuthenticationResult | undefined> {
    const { find, unknownUser, queue, validForMs, clock } = this.#options;
    const login = readLogin(credentials, this.#author);
    if ('ok' in login) return login;
    const asked = await find(login.username, credentials.clientId);
    if (!asked.ok) return denyTrouble(this.#author, asked.trouble);
    const user = asked.value;
    if (user === undefined && unknownUser === 'next') return undefined;
    if (user !== undefined) this.#decoy.learn(user.hash);
    const denial = await verifyStored(user?.hash ?? this.#decoy.hash, login.password, queue, this.#author, credentials);
    if (denial !== undefined) return denial;
    // INVARIANT: an unknown user is refused whatever the decoy says.
    if (user === undefined) return denyLogin(this.#author);
    const expiresAtMs = validForMs === undefined ? undefined : clock.epochMs() + validForMs;
    return accept(credentials, login.username, this.name, this.name, vouchedFor({ ...user, expiresAtMs }));
  }

  /** Its password may have changed since; how long it is believed is in the configuration. */
  stillValid(): boolean {
    return true;
  }
}
