/** Time-based one-time passwords [RFC 6238] with what every authenticator app assumes: SHA-1, six digits, steps of thirty seconds. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const CODE_DIGITS = 6;
const STEP_MS = 30_000;
/** Steps before and after the present one that are taken, since clocks differ and people type slowly. */
const DRIFT_STEPS = 1;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function stepAt(epochMs: number): number {
  return Math.floor(epochMs / STEP_MS);
}

/** [RFC 4226 5.3] */
export function totpCode(secret: Uint8Array, step: number, digits = CODE_DIGITS): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const truncated = mac.readUInt32BE(mac.at(-1)! & 0x0f) & 0x7fffffff;
  return (truncated % 10 ** digits).toString().padStart(digits, '0');
}

/** The step whose code this is, the latest first; undefined when it is none that is taken now. */
export function matchingStep(secret: Uint8Array, code: string, epochMs: number): number | undefined {
  if (code.length !== CODE_DIGITS) return undefined;
  const given = Buffer.from(code, 'latin1');
  const now = stepAt(epochMs);
  let found: number | undefined;
  // All are compared, so that time does not tell which one was close.
  for (let step = now - DRIFT_STEPS; step <= now + DRIFT_STEPS; step++) {
    if (timingSafeEqual(given, Buffer.from(totpCode(secret, step), 'latin1'))) found = step;
  }
  return found;
}

/** [RFC 4648 6], without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

/** Undefined for what is not base32 in upper case without padding. */
export function decodeBase32(text: string): Buffer | undefined {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >>> bits) & 0xff);
    }
    held &= (1 << bits) - 1;
  }
  const decoded = Buffer.from(bytes);
  return encodeBase32(decoded) === text ? decoded : undefined;
}

/** What an authenticator app reads from a QR code. */
export function otpauthUri(issuer: string, username: string, secret: Uint8Array): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(username)}`;
  const query = `secret=${encodeBase32(secret)}&issuer=${encodeURIComponent(issuer)}`;
  return `otpauth://totp/${label}?${query}`;
}
