/**
 * User name and password against the password file.
 *
 * There is no cache of successful logins: it would hold what an attacker wants, for a cost that reconnecting devices pay once.
 */
import type { Chance } from '../../base/chance.ts';
import type { HashQueue } from './hash-queue.ts';
import type { AuthenticationResult, Credentials, Identity, IdentityMethod } from './identity.ts';
import type { PasswordFile } from './password-file.ts';
import type { PasswordHash } from './password-hash.ts';
import {
  type Author,
  decoyFor,
  denyLogin,
  readLogin,
  showsNoLogin,
  type UnknownUser,
  verifyStored,
} from './password-login.ts';
import { accept } from './results.ts';

export interface PasswordFileOptions {
  /** What the configuration calls it; `password-file`. */
  readonly name?: string;
  /** Undefined: nobody can log in with a password. */
  readonly passwordFile: PasswordFile | undefined;
  /** `deny`. */
  readonly unknownUser?: UnknownUser;
  /** Outlives a reload: it is the one ceiling for all of them. */
  readonly queue: HashQueue;
  readonly chance: Chance;
}

export class PasswordFileMethod implements IdentityMethod {
  readonly name: string;
  readonly #users: PasswordFile['users'];
  readonly #queue: HashQueue;
  readonly #decoy: PasswordHash;
  readonly #author: Author;
  readonly #configured: boolean;
  readonly #leavesUnknown: boolean;

  constructor(options: PasswordFileOptions) {
    const { name = 'password-file', passwordFile } = options;
    this.name = name;
    this.#users = passwordFile?.users ?? new Map();
    this.#queue = options.queue;
    this.#decoy = decoyFor(
      [...this.#users.values()].map(({ hash }) => hash),
      options.chance,
    );
    this.#configured = passwordFile !== undefined;
    this.#leavesUnknown = options.unknownUser === 'next';
    this.#author = { method: name, by: `${name}:${passwordFile?.file ?? 'none'}` };
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
    if (showsNoLogin(credentials)) return undefined;
    const { username } = credentials;
    if (this.#leavesUnknown && username !== undefined && !this.#users.has(username)) return undefined;
    return this.#judge(credentials);
  }

  async #judge(credentials: Credentials): Promise<AuthenticationResult> {
    const login = readLogin(credentials, this.#author);
    if ('ok' in login) return login;
    if (!this.#configured) {
      return denyLogin(this.#author, 'There is no password file to check the password against.');
    }
    const user = this.#users.get(login.username);
    const denial = await verifyStored(
      user?.hash ?? this.#decoy,
      login.password,
      this.#queue,
      this.#author,
      credentials,
    );
    if (denial !== undefined) return denial;
    // INVARIANT: an unknown user is refused whatever the decoy says.
    if (user === undefined) return denyLogin(this.#author);
    return accept(credentials, login.username, this.name, user.credential);
  }

  stillValid(identity: Identity): boolean {
    return identity.username !== undefined && this.#users.get(identity.username)?.credential === identity.credential;
  }
}
