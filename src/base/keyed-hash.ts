/**
 * HalfSipHash-2-4 (Aumasson and Bernstein) of text: short hashes under a secret key, so that nobody who chooses names can choose
 * which of them collide.
 */
import type { Chance } from './chance.ts';

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

export class KeyedHash {
  /** The two halves of the last result, unsigned. */
  low = 0;
  high = 0;
  readonly #k0: number;
  readonly #k1: number;
  /** One event's address is asked for again and again. */
  #last: string | undefined;

  /** Of two secret words of 32 bits. */
  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  static random(chance: Chance): KeyedHash {
    const bytes = chance.bytes(8);
    return new KeyedHash(bytes.readInt32LE(0), bytes.readInt32LE(4));
  }

  /** Hashes the UTF-16 code units of `text`, little-endian, into `low` and `high`. */
  of(text: string): void {
    if (text === this.#last) return;
    this.#last = text;
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c796765 ^ this.#k0;
    let v3 = 0x74656462 ^ this.#k1;
    v1 ^= 0xee;
    const { length } = text;
    // Word after word, then one with the rest and the length in bytes; then four rounds twice, for either half.
    const words = length >>> 1;
    for (let at = 0; at <= words + 8; at++) {
      let word = 0;
      if (at < words) word = text.charCodeAt(2 * at) | (text.charCodeAt(2 * at + 1) << 16);
      else if (at === words) word = (((2 * length) & 0xff) << 24) | (length & 1 ? text.charCodeAt(length - 1) : 0);
      const isFinal = at > words;
      if (at === words + 1) v2 ^= 0xee;
      else if (at === words + 5) {
        this.low = (v1 ^ v3) >>> 0;
        v1 ^= 0xdd;
      }
      v3 ^= word;
      for (let round = isFinal ? 1 : 0; round < 2; round++) {
        v0 = (v0 + v1) | 0;
        v1 = rotate(v1, 5) ^ v0;
        v0 = rotate(v0, 16);
        v2 = (v2 + v3) | 0;
        v3 = rotate(v3, 8) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = rotate(v3, 7) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = rotate(v1, 13) ^ v2;
        v2 = rotate(v2, 16);
      }
      v0 ^= word;
    }
    this.high = (v1 ^ v3) >>> 0;
  }
}
