/**
 * User name and password against the password file.
 *
 * There is no cache of successful logins: it would hold what an attacker wants, for a cost that reconnecting devices pay once.
 */
import type { Chance } from '../../base/chance.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { HashQueue } from './hash-queue.ts';
import type { AuthenticationResult, Credentials, Identity, IdentityMethod } from './identity.ts';
import type { PasswordFile } from './password-file.ts';
import { defaultDecoy, type PasswordHash } from './password-hash.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { accept, type Denial, deny } from './results.ts';

export interface PasswordFileOptions {
  /** Undefined: nobody can log in with a password. */
  readonly passwordFile: PasswordFile | undefined;
  /** Outlives a reload: it is the one ceiling for all of them. */
  readonly queue: HashQueue;
  readonly chance: Chance;
}

export class PasswordFileMethod implements IdentityMethod {
  readonly name = 'password-file';
  readonly #users: PasswordFile['users'];
  readonly #queue: HashQueue;
  readonly #decoy: PasswordHash;
  readonly #by: string;
  readonly #configured: boolean;

  constructor(options: PasswordFileOptions) {
    this.#users = options.passwordFile?.users ?? new Map();
    this.#queue = options.queue;
    this.#decoy = makeDecoy(this.#users, options.chance);
    this.#configured = options.passwordFile !== undefined;
    this.#by = `password-file:${options.passwordFile?.file ?? 'none'}`;
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
    const { username, password } = credentials;
    return username === undefined && password === undefined ? undefined : this.#judge(credentials);
  }

  async #judge(credentials: Credentials): Promise<AuthenticationResult> {
    const { username, password } = credentials;
    if (username === undefined) return this.#deny('A password was shown without a user name.');
    if (username === '') return this.#deny('The user name is empty.');
    if (reservedInUsername(username) >= 0) {
      const says = 'The user name has a wildcard, a slash or a control character in it.';
      return deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, 'password-file');
    }
    if (password === undefined) return this.#deny('A user name was shown without a password.');
    if (!this.#configured) return this.#deny('There is no password file to check the password against.');

    const user = this.#users.get(username);
    const answer = await this.#queue.verify(user?.hash ?? this.#decoy, password);
    switch (answer) {
      case 'matches':
        // INVARIANT: an unknown user is refused whatever the decoy says.
        if (user !== undefined) return accept(credentials, username, 'password-file', user.credential);
        return this.#deny('Unknown user or wrong password.');
      case 'differs':
        // One sentence for both, since it may reach the client, whom it must not tell which users exist.
        return this.#deny('Unknown user or wrong password.');
      case 'busy':
        return deny(Reason.ServerBusy, 'limit:hashQueueWaitingMax', 'Too many logins wait already.', 'password-file');
      case 'late':
        return deny(
          Reason.ServerBusy,
          'limit:hashQueueDeadlineMs',
          'The password check took too long.',
          'password-file',
        );
      case 'failed':
        return deny(Reason.ServerUnavailable, this.#by, 'The password could not be checked.', 'password-file');
    }
  }

  stillValid(identity: Identity): boolean {
    return identity.username !== undefined && this.#users.get(identity.username)?.credential === identity.credential;
  }

  #deny(says: string): Denial {
    return deny(Reason.BadUserNameOrPassword, this.#by, says, 'password-file');
  }
}

/** An unknown user costs what most users of the file cost, so that the time of a refusal does not tell who exists. */
function makeDecoy(users: PasswordFile['users'], chance: Chance): PasswordHash {
  const counts = new Map<string, number>();
  let dominant: PasswordHash | undefined;
  let dominantCount = 0;
  for (const { hash } of users.values()) {
    const count = (counts.get(hash.cost) ?? 0) + 1;
    counts.set(hash.cost, count);
    if (count > dominantCount) {
      dominant = hash;
      dominantCount = count;
    }
  }
  return dominant?.decoy(chance) ?? defaultDecoy(chance);
}
