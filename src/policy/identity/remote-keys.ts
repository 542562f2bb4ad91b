/**
 * A JWK Set kept elsewhere: fetched when it is first needed, kept while it is fresh, fetched anew when a token names a key that it
 * lacks (which is how issuers rotate), but never more often than a ceiling, and with growing pauses while fetching fails.
 */
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { JwtAlgorithm } from './jwt-algorithms.ts';
import { type JwtKey, type KeySource, matching, parseRemoteKeySet } from './jwt-keys.ts';

/** Reads the text at the other end, within bounds of time and size; rejects with what went wrong. */
export type FetchText = () => Promise<string>;

export interface RemoteKeysOptions {
  /** What events call it. */
  readonly backend: string;
  readonly fetch: FetchText;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Older keys are fetched anew, while the old ones serve. */
  readonly refreshMs: number;
  /** Keys that could not be renewed for so long serve no more. */
  readonly staleMaxMs: number;
}

/** Between two fetches, whatever tokens name; a flood of invented key names costs one request each time. */
const REFETCH_MIN_MS = 30_000;
const BACK_OFF_FIRST_MS = 1000;
const BACK_OFF_MAX_MS = 300_000;

export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions;
  #keys: readonly JwtKey[] | undefined;
  #fetchedMs = 0;
  /** No fetch before. */
  #nextMs = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #running: Promise<void> | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
  }

  /** The keys at hand, unless they are too old. */
  get #usable(): readonly JwtKey[] | undefined {
    return this.#ageMs < this.#options.staleMaxMs ? this.#keys : undefined;
  }

  get #ageMs(): number {
    return this.#options.clock.nowMs() - this.#fetchedMs;
  }

  find(
    algorithm: JwtAlgorithm,
    kid: string | undefined,
  ): readonly JwtKey[] | Promise<readonly JwtKey[] | 'unavailable'> {
    const found = matching(this.#usable ?? [], algorithm, kid);
    if (found.length === 0) return this.#findAnew(algorithm, kid);
    if (this.#ageMs >= this.#options.refreshMs) void this.refresh();
    return found;
  }

  async #findAnew(algorithm: JwtAlgorithm, kid: string | undefined): Promise<readonly JwtKey[] | 'unavailable'> {
    await this.refresh();
    const keys = this.#usable;
    return keys === undefined ? 'unavailable' : matching(keys, algorithm, kid);
  }

  get isAtHand(): boolean {
    return this.#usable !== undefined;
  }

  has(id: string): boolean {
    return this.#usable?.some((key) => key.id === id) ?? false;
  }

  /** Fetches, unless it is too early for that; whoever asks meanwhile waits for the same fetch. Never rejects. */
  refresh(): Promise<void> {
    if (this.#running !== undefined) return this.#running;
    if (this.#options.clock.nowMs() < this.#nextMs) return Promise.resolve();
    this.#running = this.#fetch().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #fetch(): Promise<void> {
    const { backend, fetch, clock, emit } = this.#options;
    try {
      const keys = parseRemoteKeySet(await fetch());
      if (keys === undefined) throw new Error('the answer is no JWK Set');
      if (keys.length === 0) throw new Error('the JWK Set has no key that is usable here');
      this.#keys = keys;
      this.#fetchedMs = clock.nowMs();
      this.#nextMs = this.#fetchedMs + REFETCH_MIN_MS;
      if (this.#failures > 0) emit({ name: 'backend.recovered', backend });
      this.#failures = 0;
    } catch (error) {
      const pauseMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** Math.min(this.#failures, 20));
      this.#nextMs = clock.nowMs() + pauseMs;
      this.#failures++;
      if (this.#failures === 1) {
        const says = error instanceof Error ? error.message : String(error);
        emit({ name: 'backend.failed', backend, says });
      }
    }
  }
}
