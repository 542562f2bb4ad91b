/** Who has a second factor: `user:SECRET:HASH,HASH…` lines with the secret in base32 and recovery codes as hashes, comments by `#`. */
import { createHash } from 'node:crypto';
import { type Chance, readableToken } from '../../base/chance.ts';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { describeUsernameFault } from './password-file.ts';
import { decodeBase32, encodeBase32 } from './totp.ts';

export interface TotpUser {
  readonly username: string;
  readonly secret: Uint8Array;
  /** Hashes of recovery codes, the used ones too. */
  readonly recovery: ReadonlySet<string>;
  /** Changes when the line changes; says nothing about the secret. */
  readonly mark: string;
}

export type TotpUsers = ReadonlyMap<string, TotpUser>;

/** As RFC 4226 recommends, and as long as SHA-1 makes use of. */
export const SECRET_BYTES = 20;
const SECRET_MIN_BYTES = 16;
const SECRET_MAX_BYTES = 64;
const RECOVERY_CODES = 10;
const RECOVERY_CODES_MAX = 32;
const RECOVERY_PARTS = 4;
const RECOVERY_PART_CHARACTERS = 4;
/** Such as `k7mp-Xw2c-9fHe-Rt4b`: 92 bits, so that a plain hash of it is as good as a slow one. */
const RECOVERY_FORM = /^[A-Za-z2-9]{4}(?:-[A-Za-z2-9]{4}){3}$/;
export const RECOVERY_CODE_CHARACTERS = RECOVERY_PARTS * RECOVERY_PART_CHARACTERS + RECOVERY_PARTS - 1;
const FAULTS_MAX = 100;

export function isRecoveryCode(text: string): boolean {
  return RECOVERY_FORM.test(text);
}

export function hashRecoveryCode(username: string, code: string): string {
  return createHash('sha256').update(`${username}\0${code}`).digest('base64url');
}

/** @throws {FileFaultError} with everything that is wrong in it (the first 100), and no secret. */
export function parseTotpFile(text: string, file: string): TotpUsers {
  const users = new Map<string, TotpUser>();
  const faults: FileFault[] = [];
  for (const [index, content] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    if (faults.length >= FAULTS_MAX) break;
    if (content.startsWith('#') || content.trim() === '') continue;
    const user = parseLine(content.trim());
    const says =
      typeof user === 'string'
        ? user
        : users.has(user.username)
          ? `The user "${user.username}" stands on an earlier line already.`
          : undefined;
    if (says !== undefined) {
      const cure = 'Make the line anew: `sallyport totp remove NAME`, then `sallyport totp add NAME`.';
      faults.push({ file, line: index + 1, column: 1, says, cure });
    } else if (typeof user !== 'string') users.set(user.username, user);
  }
  if (faults.length > 0) throw new FileFaultError(faults);
  return users;
}

function parseLine(content: string): TotpUser | string {
  const parts = content.split(':');
  const [username = '', secretText = '', recoveryText = ''] = parts;
  if (parts.length < 2 || parts.length > 3) return 'The line has not the form `user:SECRET:HASHES`.';
  const nameFault = describeUsernameFault(username);
  if (nameFault !== undefined) return nameFault;
  const secret = decodeBase32(secretText);
  if (secret === undefined || secret.length < SECRET_MIN_BYTES || secret.length > SECRET_MAX_BYTES) {
    return `The secret is not ${SECRET_MIN_BYTES} to ${SECRET_MAX_BYTES} bytes in base32.`;
  }
  const recovery = recoveryText === '' ? [] : recoveryText.split(',');
  if (recovery.length > RECOVERY_CODES_MAX || recovery.some((hash) => !/^[A-Za-z0-9_-]{43}$/.test(hash))) {
    return 'The recovery codes are no list of hashes.';
  }
  const mark = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  return Object.freeze({ username, secret, recovery: new Set(recovery), mark });
}

export interface Enrolment {
  readonly line: string;
  readonly secret: Uint8Array;
  /** Shown once. */
  readonly recoveryCodes: readonly string[];
}

export function enrol(username: string, chance: Chance): Enrolment {
  const secret = chance.bytes(SECRET_BYTES);
  const part = (): string => readableToken(chance, RECOVERY_PART_CHARACTERS);
  const recoveryCodes = Array.from({ length: RECOVERY_CODES }, () =>
    Array.from({ length: RECOVERY_PARTS }, part).join('-'),
  );
  const hashes = recoveryCodes.map((code) => hashRecoveryCode(username, code));
  return { line: `${username}:${encodeBase32(secret)}:${hashes.join(',')}`, secret, recoveryCodes };
}
