/** Randomness as a dependency: secrets and identifiers come from here, so that tests can fix them. */
import { randomBytes, randomInt } from 'node:crypto';

export interface Chance {
  /** `length` cryptographically strong bytes. */
  bytes(length: number): Buffer;
  /** A whole number in [0, below). */
  below(below: number): number;
}

export const systemChance: Chance = {
  bytes: (length) => randomBytes(length),
  below: (below) => randomInt(below),
};

/** Letters and digits that are not mistaken for one another when read aloud or retyped. */
const READABLE = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A token of `length` readable characters; each carries about 5.8 bits. */
export function readableToken(chance: Chance, length: number): string {
  let token = '';
  for (let i = 0; i < length; i++) token += READABLE[chance.below(READABLE.length)];
  return token;
}
