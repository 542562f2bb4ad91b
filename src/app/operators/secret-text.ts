/** Random secrets that are shown once and kept as their hash: codes, tokens, sessions. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Chance, readableToken } from '../../base/chance.ts';

/** 256 bits. */
const SECRET_BYTES = 32;

/** 43 characters that need no quoting anywhere. */
export function randomSecret(chance: Chance): string {
  return chance.bytes(SECRET_BYTES).toString('base64url');
}

/** Of what is random: a plain hash is as good as a slow one where there is nothing to guess. */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares in a time that tells nothing of the two texts but whether they are the same. */
export function isSameText(a: string, b: string): boolean {
  return timingSafeEqual(hashOf(a), hashOf(b));
}

const CODE_PARTS = 5;
const CODE_PART_CHARACTERS = 4;
const CODE_FORM = /^[A-Za-z2-9]{4}(?:-[A-Za-z2-9]{4}){4}$/;

/** Such as `k7mp-Xw2c-9fHe-Rt4b-Zq3d`: 115 bits, to be read aloud and retyped. */
export function readableCode(chance: Chance): string {
  return Array.from({ length: CODE_PARTS }, () => readableToken(chance, CODE_PART_CHARACTERS)).join('-');
}

export function isReadableCode(text: string): boolean {
  return CODE_FORM.test(text);
}
