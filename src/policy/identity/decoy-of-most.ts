/** What unknown users are verified against where the users cannot be counted: of the cost that most hashes seen so far have. */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Chance } from '../../base/chance.ts';
import { defaultDecoy, type PasswordHash } from './password-hash.ts';

const COSTS_MAX = 16;

export class DecoyOfMost {
  readonly #chance: Chance;
  readonly #seen = new BoundedMap<string, number>({ entriesMax: COSTS_MAX });
  #hash: PasswordHash;
  #hashSeen = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#hash = defaultDecoy(chance);
  }

  get hash(): PasswordHash {
    return this.#hash;
  }

  /** Told of each hash that was found. */
  learn(hash: PasswordHash): void {
    const seen = (this.#seen.get(hash.cost) ?? 0) + 1;
    this.#seen.set(hash.cost, seen);
    if (hash.cost === this.#hash.cost) this.#hashSeen = seen;
    else if (seen > this.#hashSeen) {
      this.#hash = hash.decoy(this.#chance);
      this.#hashSeen = seen;
    }
  }
}
