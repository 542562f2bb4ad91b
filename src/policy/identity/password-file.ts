/**
 * Mosquitto's password file: `user:hash` lines, blank lines, and comments that begin with `#`. Text in, frozen users out; the
 * reading and writing of the file itself is the caller's.
 */
import { createHash } from 'node:crypto';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { isHashFault, type PasswordHash, parsePasswordHash } from './password-hash.ts';
import { reservedInUsername } from './reserved-characters.ts';

export interface PasswordFileUser {
  readonly username: string;
  readonly line: number;
  readonly hash: PasswordHash;
  /** Changes when the stored hash changes; says nothing about the password. */
  readonly credential: string;
}

/** Frozen. */
export interface PasswordFile {
  readonly file: string;
  /** By user name, in the order of the file. */
  readonly users: ReadonlyMap<string, PasswordFileUser>;
}

/** As long as an MQTT string can be. */
const USERNAME_MAX_BYTES = 65_535;
const FAULTS_MAX = 100;

/**
 * Reads a whole password file; `file` is its name, for reports.
 * @throws {FileFaultError} with everything that is wrong in it (the first 100). Unlike Mosquitto, which skips what it cannot
 * read, a file that is wrong anywhere is refused: a user who silently does not exist is a support case, one who silently
 * keeps an old password is a hole.
 */
export function parsePasswordFile(text: string, file: string): PasswordFile {
  const users = new Map<string, PasswordFileUser>();
  const faults: FileFault[] = [];
  let line = 0;
  for (const content of splitLines(text)) {
    line++;
    if (faults.length >= FAULTS_MAX) break;
    if (isCommentOrBlank(content)) continue;
    const parsed = parseLine(content, line, users);
    if ('says' in parsed) faults.push({ file, line, ...parsed });
    else users.set(parsed.username, parsed);
  }
  if (faults.length > 0) throw new FileFaultError(faults);
  return Object.freeze({ file, users });
}

type LineFault = Pick<FileFault, 'column' | 'says' | 'cure'>;

function parseLine(
  content: string,
  line: number,
  users: ReadonlyMap<string, PasswordFileUser>,
): PasswordFileUser | LineFault {
  const colon = content.indexOf(':');
  if (colon < 0) {
    return { column: 1, says: 'There is no colon.', cure: 'A line has the form `user:hash`; comments begin with `#`.' };
  }
  // Mosquitto trims both halves when it reads them, so the names have to mean the same here.
  const username = content.slice(0, colon).trim();
  const nameFault = describeUsernameFault(username);
  if (nameFault !== undefined) return { column: 1, says: nameFault, cure: 'Rename the user.' };
  const earlier = users.get(username);
  if (earlier !== undefined) {
    const says = `The user "${username}" stands on line ${earlier.line} already.`;
    return { column: 1, says, cure: 'Remove one of the two lines.' };
  }
  const encoded = content.slice(colon + 1).trim();
  if (encoded === '') {
    return { column: colon + 2, says: 'There is no hash.', cure: 'Set a password with `sallyport passwd add`.' };
  }
  const hash = parsePasswordHash(encoded);
  if (isHashFault(hash)) return { column: colon + 2, says: hash.says, cure: hash.cure };
  const credential = createHash('sha256').update(`${username}:${encoded}`).digest('hex');
  return Object.freeze({ username, line, hash, credential });
}

/** Why nobody may have this name in a password file; undefined when it is fine. */
export function describeUsernameFault(username: string): string | undefined {
  if (username === '') return 'The user name is empty.';
  if (username !== username.trim()) return 'The user name begins or ends with a blank.';
  if (username.includes(':')) return 'The user name has a colon, which ends it in a password file.';
  if (Buffer.byteLength(username) > USERNAME_MAX_BYTES) return 'The user name is longer than MQTT can carry.';
  const at = reservedInUsername(username);
  if (at < 0) return undefined;
  const character = username.charAt(at);
  const shown = '+#/'.includes(character) ? `"${character}"` : 'a control character';
  return `The user name has ${shown} in it, which would be special in a topic.`;
}

/**
 * The text with the user's line set to `encoded`, every other line as it was: in place where the user has a line (further
 * ones go), else at the end. Works on a file with faults too, since this is how some of them are cured.
 */
export function withUser(text: string, username: string, encoded: string): string {
  const lines: string[] = [];
  let done = false;
  for (const { content, ending } of linesWithEndings(text)) {
    if (!isLineOf(content, username)) lines.push(content + ending);
    else if (!done) {
      lines.push(`${username}:${encoded}${ending || '\n'}`);
      done = true;
    }
  }
  if (!done) {
    const ending = text.includes('\r\n') ? '\r\n' : '\n';
    const last = lines.at(-1);
    if (last !== undefined && !last.endsWith('\n')) lines.push(ending);
    lines.push(`${username}:${encoded}${ending}`);
  }
  return lines.join('');
}

/** The text without the user's lines, every other line as it was; undefined when there was none. */
export function withoutUser(text: string, username: string): string | undefined {
  const lines = linesWithEndings(text);
  const kept = lines.filter(({ content }) => !isLineOf(content, username));
  if (kept.length === lines.length) return undefined;
  return kept.map(({ content, ending }) => content + ending).join('');
}

function isLineOf(content: string, username: string): boolean {
  if (isCommentOrBlank(content)) return false;
  const colon = content.indexOf(':');
  return colon >= 0 && withoutMark(content.slice(0, colon)).trim() === username;
}

function isCommentOrBlank(content: string): boolean {
  return withoutMark(content).startsWith('#') || content.trim() === '';
}

/** Some editors put a byte order mark at the start of a file; it is not part of the first name. */
function withoutMark(content: string): string {
  return content.startsWith('\ufeff') ? content.slice(1) : content;
}

function splitLines(text: string): string[] {
  return withoutMark(text).split(/\r?\n/);
}

function linesWithEndings(text: string): { content: string; ending: string }[] {
  return (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) => {
    const ending = line.endsWith('\r\n') ? '\r\n' : line.endsWith('\n') ? '\n' : '';
    return { content: line.slice(0, line.length - ending.length), ending };
  });
}
