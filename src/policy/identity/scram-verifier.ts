/**
 * What a server keeps of a password for SCRAM [RFC 5802 3, RFC 7677]: enough to verify a proof and to prove itself, and not
 * enough to log in with. Written as PostgreSQL does: `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`.
 */
import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import type { Chance } from '../../base/chance.ts';

export const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type ScramMechanism = (typeof SCRAM_MECHANISMS)[number];

export interface ScramVerifier {
  readonly mechanism: ScramMechanism;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

interface Hash {
  readonly name: 'sha256' | 'sha512';
  readonly sizeBytes: number;
}

const HASHES: Readonly<Record<ScramMechanism, Hash>> = {
  'SCRAM-SHA-256': { name: 'sha256', sizeBytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', sizeBytes: 64 },
};

/** RFC 7677 asks for 4096 at least; clients that are microcontrollers have to compute it at each login. */
const ITERATIONS_MIN = 4096;
const ITERATIONS_MAX = 10_000_000;
export const DEFAULT_ITERATIONS = 10_000;
const SALT_MIN_BYTES = 8;
const SALT_MAX_BYTES = 128;
export const SALT_BYTES = 16;

export function hashOf(mechanism: ScramMechanism): Hash {
  return HASHES[mechanism];
}

export function isScramMechanism(name: string): name is ScramMechanism {
  return Object.hasOwn(HASHES, name);
}

export function hmac(mechanism: ScramMechanism, key: Uint8Array, text: string | Uint8Array): Buffer {
  return createHmac(HASHES[mechanism].name, key).update(text).digest();
}

export function digest(mechanism: ScramMechanism, bytes: Uint8Array): Buffer {
  return createHash(HASHES[mechanism].name).update(bytes).digest();
}

/** The verifier, or what is wrong with the text, which is not repeated. */
export function parseScramVerifier(encoded: string): ScramVerifier | string {
  const parts = /^([A-Z0-9-]+)\$(\d{1,10}):([^$:]+)\$([^$:]+):([^$:]+)$/.exec(encoded);
  const [, mechanism = '', count = '', ...rest] = parts ?? [];
  if (!isScramMechanism(mechanism)) return 'It is no SCRAM-SHA-256 or SCRAM-SHA-512 verifier.';
  const iterations = Number(count);
  if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) {
    return `It has ${iterations} iterations; ${ITERATIONS_MIN} to ${ITERATIONS_MAX} are possible.`;
  }
  const [salt, storedKey, serverKey] = rest.map(decodeBase64);
  if (salt === undefined || salt.length < SALT_MIN_BYTES || salt.length > SALT_MAX_BYTES) {
    return `Its salt is not ${SALT_MIN_BYTES} to ${SALT_MAX_BYTES} bytes in base64.`;
  }
  const { sizeBytes } = HASHES[mechanism];
  if (storedKey?.length !== sizeBytes || serverKey?.length !== sizeBytes) {
    return `Its keys are not ${sizeBytes} bytes in base64 each.`;
  }
  return Object.freeze({ mechanism, iterations, salt, storedKey, serverKey });
}

/** Base64 in its one proper spelling; undefined for any other. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

const derive = promisify(pbkdf2);

/** Derives a verifier from a password, which is printable ASCII: for that alone its preparation is certain. */
export async function makeScramVerifier(
  mechanism: ScramMechanism,
  password: string,
  chance: Chance,
  iterations = DEFAULT_ITERATIONS,
): Promise<string> {
  const { name, sizeBytes } = HASHES[mechanism];
  const salt = chance.bytes(SALT_BYTES);
  const salted = await derive(password, salt, iterations, sizeBytes, name);
  const storedKey = digest(mechanism, hmac(mechanism, salted, 'Client Key'));
  const serverKey = hmac(mechanism, salted, 'Server Key');
  const [saltText, storedText, serverText] = [salt, storedKey, serverKey].map((bytes) => bytes.toString('base64'));
  return `${mechanism}$${iterations}:${saltText}$${storedText}:${serverText}`;
}

/**
 * SASLprep [RFC 4013] maps and refuses characters by tables of Unicode 3.2; printable ASCII it leaves as it is. Names and
 * passwords of SCRAM are held to that, so that no two programs can differ about what somebody typed.
 */
export function isPrepared(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}
