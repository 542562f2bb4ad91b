/** User name and password against the gateway's own store of users. */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { HashQueue } from './hash-queue.ts';
import type { AuthenticationResult, Credentials, Identity, IdentityMethod } from './identity.ts';
import { defaultDecoy, hashPassword, type PasswordHash } from './password-hash.ts';
import { type Author, denyLogin, readLogin, showsNoLogin, type UnknownUser, verifyStored } from './password-login.ts';
import { accept, type Denial, deny } from './results.ts';

/** A user as the store has it. Frozen. */
export interface StoredUser {
  readonly username: string;
  readonly hash: PasswordHash;
  /** Changes when the password is changed, and not when the same password is hashed anew. */
  readonly credential: string;
  readonly isDisabled: boolean;
  /** Epoch milliseconds. */
  readonly passwordChangedAtMs: number;
}

/** No method throws or waits. */
export interface UserStore {
  /** Takes up what others have changed, so that what was done before a login holds for it. */
  refresh(): void;
  /** `unreadable`: the store itself fails. */
  find(username: string): StoredUser | 'unreadable' | undefined;
  /** What an unknown user is verified against; of the cost that most users have. */
  readonly decoy: PasswordHash;
  /** Kept with the user, soon. */
  loggedIn(username: string): void;
  /** The same password under a new hash; without effect where the user has another one by now. */
  rehashed(user: StoredUser, encoded: string): void;
}

/** How old a password may grow. */
export interface PasswordAge {
  /** Undefined: as old as it likes. */
  readonly maxMs: number | undefined;
  /** How long before its end each login is an event. */
  readonly warningMs: number;
}

export interface UsersMethodOptions {
  /** What the configuration calls it; `users`. */
  readonly name?: string;
  readonly store: UserStore;
  /** `deny`. */
  readonly unknownUser?: UnknownUser;
  readonly age: PasswordAge;
  readonly queue: HashQueue;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
}

const DAY_MS = 86_400_000;
const WARNED_MAX = 10_000;

export class UsersMethod implements IdentityMethod {
  readonly name: string;
  readonly #options: UsersMethodOptions;
  readonly #author: Author;
  /** Cost of what is written today; a hash of another one is upgraded when its password comes by. */
  readonly #currentCost: string;
  /** When a user's password was last warned of: once a day is enough. */
  readonly #warnedAtMs = new BoundedMap<string, number>({ entriesMax: WARNED_MAX });

  constructor(options: UsersMethodOptions) {
    const { name = 'users' } = options;
    this.name = name;
    this.#options = options;
    this.#author = { method: name, by: name };
    this.#currentCost = defaultDecoy(options.chance).cost;
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult | undefined> | undefined {
    return showsNoLogin(credentials) ? undefined : this.#judge(credentials);
  }

  async #judge(credentials: Credentials): Promise<AuthenticationResult | undefined> {
    const { store, queue, unknownUser } = this.#options;
    const login = readLogin(credentials, this.#author);
    if ('ok' in login) return login;
    const { username, password } = login;
    store.refresh();
    const user = store.find(username);
    if (user === 'unreadable') return this.#unreadable();
    if (user === undefined && unknownUser === 'next') return undefined;
    const denial = await verifyStored(user?.hash ?? store.decoy, password, queue, this.#author, credentials);
    if (denial !== undefined) return denial;
    // INVARIANT: an unknown user is refused whatever the decoy says.
    if (user === undefined) return denyLogin(this.#author);
    // Much may have happened while the hash was computed.
    store.refresh();
    const now = store.find(username);
    if (now === 'unreadable') return this.#unreadable();
    if (now === undefined || now.credential !== user.credential) return denyLogin(this.#author);
    return this.#admit(credentials, now, password);
  }

  /** The password is right; may it be used? Whoever knows it may be told why not. */
  #admit(credentials: Credentials, user: StoredUser, password: Uint8Array): AuthenticationResult {
    const { store, clock } = this.#options;
    if (user.isDisabled) return this.#refuse('The user is disabled.');
    const expiresAtMs = this.#expiryOf(user);
    const nowMs = clock.epochMs();
    if (expiresAtMs !== undefined && nowMs >= expiresAtMs)
      return this.#refuse('The password is too old: set a new one.');
    if (expiresAtMs !== undefined) this.#warn(user.username, expiresAtMs, nowMs);
    store.loggedIn(user.username);
    this.#upgrade(user, password);
    const vouched = expiresAtMs === undefined ? {} : { expiresAtMs };
    return accept(credentials, user.username, this.name, user.credential, vouched);
  }

  #unreadable(): Denial {
    return deny(Reason.ServerUnavailable, this.name, 'The store of users cannot be read.', this.name);
  }

  #refuse(says: string): Denial {
    return deny(Reason.NotAuthorized, this.name, says, this.name);
  }

  #expiryOf(user: StoredUser): number | undefined {
    const { maxMs } = this.#options.age;
    return maxMs === undefined ? undefined : user.passwordChangedAtMs + maxMs;
  }

  #warn(username: string, expiresAtMs: number, nowMs: number): void {
    const { age, emit } = this.#options;
    const leftMs = expiresAtMs - nowMs;
    if (leftMs > age.warningMs || nowMs - (this.#warnedAtMs.get(username) ?? 0) < DAY_MS) return;
    this.#warnedAtMs.set(username, nowMs);
    emit({
      name: 'password.expiring',
      username,
      expiresAt: new Date(expiresAtMs).toISOString(),
      daysLeft: Math.floor(leftMs / DAY_MS),
    });
  }

  /** Not while others wait: the next login will do as well. */
  #upgrade(user: StoredUser, password: Uint8Array): void {
    const { queue, chance, store, emit } = this.#options;
    if (user.hash.cost === this.#currentCost || !queue.isIdle) return;
    let encoded = '';
    const rehash = async (copy: Uint8Array): Promise<boolean> => {
      encoded = await hashPassword(copy, chance);
      return true;
    };
    void queue.verify({ cost: this.#currentCost, verify: rehash }, password).then((answer) => {
      if (answer !== 'matches') return;
      store.rehashed(user, encoded);
      emit({ name: 'password.upgraded', username: user.username, from: user.hash.cost, to: this.#currentCost });
    });
  }

  stillValid(identity: Identity): boolean {
    if (identity.username === undefined) return false;
    const user = this.#options.store.find(identity.username);
    // A store that cannot be read at the moment is no reason to throw everybody out.
    if (user === 'unreadable') return true;
    return user !== undefined && !user.isDisabled && user.credential === identity.credential;
  }
}
