/** Mosquitto's file of pre-shared keys: `identity:key` lines, the key in hex, blank lines, and comments that begin with `#`. */
import { createHash } from 'node:crypto';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { reservedInUsername } from './reserved-characters.ts';

export interface PresharedKey {
  readonly key: Uint8Array;
  /** Changes when the key changes; says nothing about it. */
  readonly credential: string;
}

/** Frozen. */
export interface PskFile {
  readonly file: string;
  /** By identity. */
  readonly keys: ReadonlyMap<string, PresharedKey>;
}

/** Whoever has recorded or begun a handshake can try keys at leisure: below 128 bits they come to an end. */
const KEY_MIN_BYTES = 16;
/** What the runtime takes. */
const KEY_MAX_BYTES = 256;
const IDENTITY_MAX_BYTES = 128;
const FAULTS_MAX = 100;

/** @throws {FileFaultError} with everything that is wrong in it (the first 100). No part of a key is quoted. */
export function parsePskFile(text: string, file: string): PskFile {
  const keys = new Map<string, PresharedKey>();
  const faults: FileFault[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (content.trim() === '' || content.startsWith('#')) continue;
    const at = content.lastIndexOf(':');
    const identity = at < 0 ? content : content.slice(0, at);
    const fault = faultOf(identity, at < 0 ? undefined : content.slice(at + 1).trim(), keys);
    if (fault === undefined) {
      const key = Buffer.from(content.slice(at + 1).trim(), 'hex');
      const credential = createHash('sha256').update('psk\0').update(key).digest('hex');
      keys.set(identity, Object.freeze({ key, credential }));
    } else if (faults.length < FAULTS_MAX) {
      faults.push({ file, line: index + 1, column: fault.isKey ? at + 2 : 1, says: fault.says, cure: fault.cure });
    }
  }
  if (faults.length > 0) throw new FileFaultError(faults);
  return Object.freeze({ file, keys });
}

const WRITE_LINE = 'Write the line as `identity:key`, with the key in hex, as `openssl rand -hex 32` makes one.';

function faultOf(
  identity: string,
  key: string | undefined,
  taken: ReadonlyMap<string, unknown>,
): { says: string; cure: string; isKey?: true } | undefined {
  if (key === undefined) return { says: 'The line has no colon.', cure: WRITE_LINE };
  if (identity === '') return { says: 'The identity is empty.', cure: WRITE_LINE };
  if (Buffer.byteLength(identity) > IDENTITY_MAX_BYTES) {
    return { says: `The identity is longer than ${IDENTITY_MAX_BYTES} bytes.`, cure: 'Choose a shorter one.' };
  }
  if (reservedInUsername(identity) >= 0) {
    const says = 'The identity, which is the user name, has a wildcard, a slash or a control character in it.';
    return { says, cure: 'Choose another.' };
  }
  if (taken.has(identity)) return { says: 'The identity has a key already.', cure: 'Remove one of the two lines.' };
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(key)) return { says: 'The key is not hex.', cure: WRITE_LINE, isKey: true };
  const bytes = key.length / 2;
  if (bytes < KEY_MIN_BYTES || bytes > KEY_MAX_BYTES) {
    const says = `The key has ${bytes} bytes, not ${KEY_MIN_BYTES} to ${KEY_MAX_BYTES}.`;
    return { says, cure: 'Make one with `openssl rand -hex 32`.', isKey: true };
  }
  return undefined;
}
