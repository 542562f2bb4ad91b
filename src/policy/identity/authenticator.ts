/**
 * The chain that establishes an identity: the certificate where the listener takes its name, else user name and password
 * against the password file, else the anonymous client where the listener permits it. The first of them that applies decides;
 * a client that fails one is not tried with the next.
 *
 * There is no cache of successful logins: it would hold what an attacker wants, for a cost that reconnecting devices pay once.
 */
import type { Chance } from '../../base/chance.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { HashQueue } from './hash-queue.ts';
import type { AuthenticationResult, Authenticator, Credentials, Identity } from './identity.ts';
import type { PasswordFile } from './password-file.ts';
import { defaultDecoy, type PasswordHash } from './password-hash.ts';
import { reservedInClientId, reservedInUsername } from './reserved-characters.ts';

export interface AuthenticatorOptions {
  /** Undefined: nobody can log in with a password. */
  readonly passwordFile: PasswordFile | undefined;
  /** Outlives a reload: it is the one ceiling for all of them. */
  readonly queue: HashQueue;
  readonly chance: Chance;
}

type Denial = Extract<AuthenticationResult, { ok: false }>;

const RESERVED_CLIENT_ID: Denial = Object.freeze({
  ok: false,
  reason: Reason.ClientIdentifierNotValid,
  by: 'identity:reserved-characters',
  says: 'The client identifier has a wildcard or a control character in it.',
  method: 'none',
});

const NOTHING_SHOWN: Denial = Object.freeze({
  ok: false,
  reason: Reason.NotAuthorized,
  by: 'listener:anonymousAllowed',
  says: 'Neither certificate nor user name was shown, and the listener permits no anonymous clients.',
  method: 'anonymous',
});

export function buildAuthenticator(options: AuthenticatorOptions): Authenticator {
  const passwords = new PasswordAuthentication(options);
  return Object.freeze({
    async authenticate(credentials: Credentials): Promise<AuthenticationResult> {
      if (reservedInClientId(credentials.clientId) >= 0) return RESERVED_CLIENT_ID;
      if (credentials.certificateName !== undefined) return authenticateCertificate(credentials);
      if (credentials.username !== undefined || credentials.password !== undefined) {
        return passwords.authenticate(credentials);
      }
      return credentials.anonymousAllowed ? accept(credentials, undefined, 'anonymous', 'anonymous') : NOTHING_SHOWN;
    },

    stillValid(identity: Identity, listener: { anonymousAllowed: boolean }): boolean {
      switch (identity.method) {
        case 'anonymous':
          return listener.anonymousAllowed;
        case 'password-file':
          return passwords.stillValid(identity);
        case 'certificate':
          // The certificate itself (expiry, revocation, trust) is judged where TLS ends.
          return true;
        default:
          return false;
      }
    },
  });
}

/**
 * A user name beside the certificate has to be the certificate's: otherwise the broker behind would be told a name that
 * nobody vouched for. A password beside it is not looked at.
 */
function authenticateCertificate(credentials: Credentials): AuthenticationResult {
  const { certificateName = '', username } = credentials;
  if (certificateName === '' || reservedInUsername(certificateName) >= 0) {
    const says = "The certificate's common name is empty, or has a wildcard, a slash or a control character in it.";
    return deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, 'certificate');
  }
  if (username !== undefined && username !== certificateName) {
    const says = "The user name is not the certificate's common name.";
    return deny(Reason.BadUserNameOrPassword, 'certificate', says, 'certificate');
  }
  return accept(credentials, certificateName, 'certificate', `certificate:${certificateName}`);
}

class PasswordAuthentication {
  readonly #users: PasswordFile['users'];
  readonly #queue: HashQueue;
  readonly #decoy: PasswordHash;
  readonly #by: string;
  readonly #configured: boolean;

  constructor(options: AuthenticatorOptions) {
    this.#users = options.passwordFile?.users ?? new Map();
    this.#queue = options.queue;
    this.#decoy = makeDecoy(this.#users, options.chance);
    this.#configured = options.passwordFile !== undefined;
    this.#by = `password-file:${options.passwordFile?.file ?? 'none'}`;
  }

  async authenticate(credentials: Credentials): Promise<AuthenticationResult> {
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

function accept(
  credentials: Credentials,
  username: string | undefined,
  method: Identity['method'],
  credential: string,
): AuthenticationResult {
  const identity = Object.freeze({ username, clientId: credentials.clientId, method, credential });
  return Object.freeze({ ok: true, identity });
}

function deny(reason: number, by: string, says: string, method: string): Denial {
  return Object.freeze({ ok: false, reason, by, says, method });
}
