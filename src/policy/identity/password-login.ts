/** What methods that take a user name and a password have in common: which of them are worth a question, and the check of a stored hash. */
import type { Chance } from '../../base/chance.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { Asker, HashQueue } from './hash-queue.ts';
import type { Credentials } from './identity.ts';
import { defaultDecoy, type PasswordHash } from './password-hash.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { type Denial, deny } from './results.ts';

/** Whose refusal it is: the method's name in the configuration, and the author in events. */
export interface Author {
  readonly method: string;
  readonly by: string;
}

export interface Login {
  readonly username: string;
  readonly password: Uint8Array;
}

/** What a method does with a user whom it does not know: deny at once, or leave it to the next method of the chain. */
export type UnknownUser = 'deny' | 'next';

/** One sentence for both, since it may reach the client, whom it must not tell which users exist. */
const UNKNOWN_OR_WRONG = 'Unknown user or wrong password.';

export function denyLogin({ method, by }: Author, says: string = UNKNOWN_OR_WRONG): Denial {
  return deny(Reason.BadUserNameOrPassword, by, says, method);
}

/** Neither name nor password: the client means another method. */
export function showsNoLogin({ username, password }: Credentials): boolean {
  return username === undefined && password === undefined;
}

/**
 * Name and password, both there and fit to be asked about. An empty password never is: a directory takes it for an anonymous
 * bind, and lets anybody in [RFC 4513 5.1.2].
 */
export function readLogin({ username, password }: Credentials, author: Author): Login | Denial {
  if (username === undefined) return denyLogin(author, 'A password was shown without a user name.');
  if (username === '') return denyLogin(author, 'The user name is empty.');
  if (reservedInUsername(username) >= 0) {
    const says = 'The user name has a wildcard, a slash or a control character in it.';
    return deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, author.method);
  }
  if (password === undefined) return denyLogin(author, 'A user name was shown without a password.');
  if (password.length === 0) return denyLogin(author, 'The password is empty.');
  return { username, password };
}

/** Undefined when the password matches the hash. */
export async function verifyStored(
  hash: PasswordHash,
  password: Uint8Array,
  queue: HashQueue,
  author: Author,
  asker: Asker,
): Promise<Denial | undefined> {
  const { method, by } = author;
  switch (await queue.verify(hash, password, asker)) {
    case 'matches':
      return undefined;
    case 'differs':
      return denyLogin(author);
    case 'busy':
      return deny(Reason.ServerBusy, 'limit:hashQueueMax', 'Too many logins wait already.', method);
    case 'late':
      return deny(Reason.ServerBusy, 'limit:hashQueueDeadline', 'The password check took too long.', method);
    case 'failed':
      return deny(Reason.ServerUnavailable, by, 'The password could not be checked.', method);
  }
}

/** An unknown user costs what most users cost, so that the time of a refusal does not tell who exists. */
export function decoyFor(hashes: Iterable<PasswordHash>, chance: Chance): PasswordHash {
  const counts = new Map<string, number>();
  let dominant: PasswordHash | undefined;
  let dominantCount = 0;
  for (const hash of hashes) {
    const count = (counts.get(hash.cost) ?? 0) + 1;
    counts.set(hash.cost, count);
    if (count > dominantCount) {
      dominant = hash;
      dominantCount = count;
    }
  }
  return dominant?.decoy(chance) ?? defaultDecoy(chance);
}
