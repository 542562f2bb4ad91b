/**
 * Remembers for a short while what a backend said of credentials. The key is a keyed hash of all that the answer may depend on,
 * under a key that lives and dies with the process: whoever reads the memory finds no password to guess at elsewhere.
 */
import { createHmac } from 'node:crypto';
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Credentials } from './identity.ts';

const KEY_BYTES = 32;

interface Entry<Value> {
  readonly value: Value;
  readonly goodUntilMs: number;
}

export class AnswerCache<Value> {
  readonly #clock: Clock;
  readonly #key: Buffer;
  readonly #entries: BoundedMap<string, Entry<Value>>;

  constructor(options: { entriesMax: number; clock: Clock; chance: Chance }) {
    this.#clock = options.clock;
    this.#key = options.chance.bytes(KEY_BYTES);
    this.#entries = new BoundedMap({ entriesMax: options.entriesMax });
  }

  /** What stands for the credentials. Of the origin it knows listener and address, and not the port, which is never the same. */
  keyOf({ clientId, username, password, certificate, origin }: Credentials): string {
    const hmac = createHmac('sha256', this.#key);
    const parts = [clientId, username, password, certificate?.fingerprint, origin?.listener, origin?.address];
    // Each part with its length in front: no two lists of parts run into the same bytes.
    for (const part of parts) {
      if (part === undefined) hmac.update('-:');
      else hmac.update(`${Buffer.byteLength(part)}:`).update(part);
    }
    return hmac.digest('base64');
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.goodUntilMs > this.#clock.nowMs()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: Value, forMs: number): void {
    if (forMs > 0) this.#entries.set(key, { value, goodUntilMs: this.#clock.nowMs() + forMs });
  }
}
