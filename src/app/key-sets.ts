/** The key sets that are fetched from issuers: they outlive a reload, which must not forget keys that cannot be fetched just then. */
import { BoundedMap } from '../base/bounded-map.ts';
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import { RemoteKeys } from '../policy/identity/remote-keys.ts';
import { fetchText } from './fetch-text.ts';

export interface KeySetPlace {
  readonly url: string;
  /** PEM. */
  readonly ca: string | undefined;
  readonly refreshMs: number;
  readonly staleMaxMs: number;
  readonly timeoutMs: number;
}

/** More than any configuration has entries, so that only those are let go that reloads have left behind. */
const SETS_MAX = 64;
/** A hundred keys of the largest kind. */
const SIZE_MAX_BYTES = 262_144;

export class KeySets {
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #sets = new BoundedMap<string, RemoteKeys>({ entriesMax: SETS_MAX });

  constructor({ clock, emit }: { readonly clock: Clock; readonly emit: Emit }) {
    this.#clock = clock;
    this.#emit = emit;
  }

  /** The keys of that place, as far as they are known already. */
  at(place: KeySetPlace): RemoteKeys {
    const mark = JSON.stringify(place);
    const { url, ca, timeoutMs, refreshMs, staleMaxMs } = place;
    const clock = this.#clock;
    const { origin, pathname } = new URL(url);
    const keys =
      this.#sets.get(mark) ??
      new RemoteKeys({
        backend: `jwks:${origin}${pathname}`,
        fetch: () => fetchText({ url, ca, timeoutMs, sizeMaxBytes: SIZE_MAX_BYTES, clock }),
        clock,
        emit: this.#emit,
        refreshMs,
        staleMaxMs,
      });
    this.#sets.set(mark, keys);
    return keys;
  }
}
