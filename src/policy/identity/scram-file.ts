/** Users with SCRAM verifiers: `user:VERIFIER` lines, one a mechanism, blank lines, and comments that begin with `#`. */
import { createHash } from 'node:crypto';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { describeUsernameFault, withoutUser } from './password-file.ts';
import { isPrepared, parseScramVerifier, type ScramMechanism, type ScramVerifier } from './scram-verifier.ts';

/** A file's users, as `list` shows them too. */
export interface ScramFile extends ScramCredentials {
  list(): { username: string; scheme: string }[];
}

/** Where SCRAM looks users up. */
export interface ScramCredentials {
  /** For events, such as `scram-file:/etc/sallyport/scram`. */
  readonly by: string;
  find(username: string, mechanism: ScramMechanism): KnownVerifier | undefined;
  /** Whether the credential mark is still one of this user's. */
  holds(username: string, credential: string): boolean;
  /** The iterations that most users have, so that a user who does not exist looks like one of them. */
  usualIterations(mechanism: ScramMechanism): number | undefined;
  /** Told of each login, where somebody keeps that. */
  loggedIn?(username: string): void;
}

export interface KnownVerifier {
  readonly verifier: ScramVerifier;
  /** Changes when what is stored changes; says nothing about the password. */
  readonly credential: string;
  /** When the password is too old; epoch, ms. */
  readonly expiresAtMs?: number;
}

const FAULTS_MAX = 100;

/** @throws {FileFaultError} with everything that is wrong in it (the first 100). */
export function parseScramFile(text: string, file: string): ScramFile {
  const users = new Map<string, Map<ScramMechanism, KnownVerifier>>();
  const faults: FileFault[] = [];
  for (const [index, content] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    if (faults.length >= FAULTS_MAX) break;
    if (content.startsWith('#') || content.trim() === '') continue;
    const fault = takeLine(content, users);
    if (fault !== undefined) faults.push({ file, line: index + 1, ...fault });
  }
  if (faults.length > 0) throw new FileFaultError(faults);
  return Object.freeze({
    by: `scram-file:${file}`,
    find: (username: string, mechanism: ScramMechanism) => users.get(username)?.get(mechanism),
    holds: (username: string, credential: string) =>
      [...(users.get(username)?.values() ?? [])].some((known) => known.credential === credential),
    list: () =>
      [...users].flatMap(([username, own]) =>
        [...own.values()].map(({ verifier: { mechanism, iterations } }) => ({
          username,
          scheme: `${mechanism},i=${iterations}`,
        })),
      ),
    usualIterations: (mechanism: ScramMechanism) => usualIterations(users, mechanism),
  });
}

/** The text with these lines for the user in place of those that were there; every other line as it was. */
export function withScramUser(text: string, username: string, verifiers: readonly string[]): string {
  const kept = withoutUser(text, username) ?? text;
  const begin = kept === '' || kept.endsWith('\n') ? kept : `${kept}\n`;
  return begin + verifiers.map((verifier) => `${username}:${verifier}\n`).join('');
}

type LineFault = Pick<FileFault, 'column' | 'says' | 'cure'>;

const CURE = 'Set the password with `sallyport passwd add NAME --scram`.';

function takeLine(content: string, users: Map<string, Map<ScramMechanism, KnownVerifier>>): LineFault | undefined {
  const colon = content.indexOf(':');
  if (colon < 0) return { column: 1, says: 'There is no colon.', cure: 'A line has the form `user:SCRAM-SHA-256$…`.' };
  const username = content.slice(0, colon).trim();
  const nameFault = describeUsernameFault(username);
  if (nameFault !== undefined) return { column: 1, says: nameFault, cure: 'Rename the user.' };
  if (!isPrepared(username)) {
    const says = 'The user name has characters beyond ASCII, which SCRAM clients prepare differently.';
    return { column: 1, says, cure: 'Rename the user.' };
  }
  const encoded = content.slice(colon + 1).trim();
  const verifier = parseScramVerifier(encoded);
  if (typeof verifier === 'string') return { column: colon + 2, says: verifier, cure: CURE };
  const own = users.get(username) ?? new Map<ScramMechanism, KnownVerifier>();
  if (own.has(verifier.mechanism)) {
    const says = `The user "${username}" has a ${verifier.mechanism} line already.`;
    return { column: 1, says, cure: 'Remove one of the two lines.' };
  }
  const credential = createHash('sha256').update(`${username}:${encoded}`).digest('hex');
  own.set(verifier.mechanism, Object.freeze({ verifier, credential }));
  users.set(username, own);
  return undefined;
}

function usualIterations(
  users: ReadonlyMap<string, ReadonlyMap<ScramMechanism, KnownVerifier>>,
  mechanism: ScramMechanism,
): number | undefined {
  const counts = new Map<number, number>();
  for (const own of users.values()) {
    const iterations = own.get(mechanism)?.verifier.iterations;
    if (iterations !== undefined) counts.set(iterations, (counts.get(iterations) ?? 0) + 1);
  }
  const [usual] = [...counts].sort(([, a], [, b]) => b - a);
  return usual?.[0];
}
