/**
 * Revocation lists from where certificates say that they are: fetched when the first certificate names a place, kept on disk, and
 * fetched again in good time before they go out of date.
 */
import { atEpoch } from '../../../base/at-epoch.ts';
import { backoffMs } from '../../../base/backoff.ts';
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { Chance } from '../../../base/chance.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import type { Authority, PathStep } from './certificate-path.ts';
import { PublishedList } from './published-list.ts';
import { type Pause, readRevocationList } from './revocation-list.ts';
import { type NextUpdate, NOTHING_SAID, type RevocationSource, strongest, type Word } from './source.ts';

/** Bytes from a server, or what went wrong in words. Bounded in size and time; never rejects. */
export type Fetch = (url: string, bounds: { sizeMaxBytes: number; timeoutMs: number }) => Promise<Uint8Array | string>;

/** What is kept over a restart. Neither rejects: a cache that fails is an empty one. */
export interface ListCache {
  load(url: string): Promise<Uint8Array | undefined>;
  store(url: string, der: Uint8Array): Promise<void>;
}

export interface DistributionPointsOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly fetch: Fetch;
  readonly cache: ListCache;
  readonly pause: Pause;
  /** A list was taken over that may name certificates which nobody knew of. */
  readonly onChange: () => void;
}

/** A list of a million entries has some 35 MB. */
export const LIST_SIZE_MAX_BYTES = 64 * 1024 * 1024;
/** Longer than a login waits: a large list over a thin line is worth it in the background. */
const FETCH_TIMEOUT_MS = 60_000;
const PLACES_MAX = 256;
const PLACES_PER_CERTIFICATE_MAX = 3;

/** A list is fetched anew after this part of its life, and at least so often: authorities publish before they have to. */
const REFRESH_AT = 0.75;
const REFRESH_MAX_MS = 3_600_000;
const REFRESH_MIN_MS = 5_000;
const RETRY_BASE_MS = 30_000;
const RETRY_MAX_MS = 900_000;

export class DistributionPoints implements RevocationSource {
  readonly #options: DistributionPointsOptions;
  readonly #places: BoundedMap<string, Place>;

  constructor(options: DistributionPointsOptions) {
    this.#options = options;
    this.#places = new BoundedMap({
      entriesMax: PLACES_MAX,
      onEvict: (url, place) => {
        place.close();
        const says = `the revocation list ${url} is forgotten until a certificate names it again`;
        options.emit({ name: 'ceiling.reached', ceiling: 'revocationPlacesMax', limit: PLACES_MAX, says });
      },
    });
  }

  /** Of the lists that are at hand. */
  nextUpdates(): NextUpdate[] {
    return [...this.#places.entries()].flatMap(([place, { nextUpdateMs }]) =>
      nextUpdateMs === undefined ? [] : [{ place, nextUpdateMs }],
    );
  }

  wordOn(step: PathStep): Word {
    return strongest(placesOf(step).map((url) => this.#places.get(url)?.wordOn(step) ?? NOTHING_SAID));
  }

  isDue(step: PathStep): boolean {
    return placesOf(step).some((url) => this.#places.get(url)?.isDue(step.issuer) ?? true);
  }

  async obtain(step: PathStep): Promise<void> {
    await Promise.all(placesOf(step).map((url) => this.#placeOf(url).obtain(step.issuer)));
  }

  #placeOf(url: string): Place {
    let place = this.#places.get(url);
    if (place === undefined) {
      place = new Place(url, this.#options);
      this.#places.set(url, place);
    }
    return place;
  }

  close(): void {
    for (const place of this.#places.values()) place.close();
    this.#places.clear();
  }
}

/** Only http: what a list says is proven by its signature, and a list over https could not be fetched without another list. */
function placesOf({ fields }: PathStep): string[] {
  return fields.listUris.filter((uri) => /^http:\/\//i.test(uri)).slice(0, PLACES_PER_CERTIFICATE_MAX);
}

class Place {
  readonly #url: string;
  readonly #options: DistributionPointsOptions;
  #published: PublishedList | undefined;
  #underWay: Promise<void> | undefined;
  #cacheRead = false;
  #failures = 0;
  #says = 'was not fetched yet';
  #refreshTimer: Timer | undefined;
  #staleTimer: Timer | undefined;
  #isClosed = false;

  constructor(url: string, options: DistributionPointsOptions) {
    this.#url = url;
    this.#options = options;
  }

  get nextUpdateMs(): number | undefined {
    return this.#published?.list.nextUpdateMs;
  }

  close(): void {
    this.#isClosed = true;
    this.#refreshTimer?.cancel();
    this.#staleTimer?.cancel();
  }

  wordOn(step: PathStep): Word {
    const published = this.#published;
    if (published?.isFrom(step.issuer) === true) return published.wordOn(step, this.#options.clock.epochMs());
    return { kind: 'none', says: `the revocation list ${this.#url} ${this.#says}` };
  }

  /** Once a list is there, or could not be had, the timer sees to the rest, unless the date was set meanwhile. */
  isDue(issuer: Authority): boolean {
    const published = this.#published;
    if (published === undefined) return this.#failures === 0;
    return published.isFrom(issuer) === undefined || this.#isLapsedEarly;
  }

  /** What was current when it was fetched is not so any more, and no attempt has failed to get another. */
  get #isLapsedEarly(): boolean {
    return this.#failures === 0 && this.#published?.lapse(this.#options.clock.epochMs()) !== undefined;
  }

  async obtain(issuer: Authority): Promise<void> {
    if (!this.isDue(issuer)) return;
    if (this.#published?.isFrom(issuer) === undefined) await this.#published?.verify(issuer);
    if (this.#published !== undefined && !this.#isLapsedEarly) return;
    this.#underWay ??= this.#fetch(issuer).finally(() => {
      this.#underWay = undefined;
    });
    await this.#underWay;
  }

  async #fetch(issuer: Authority): Promise<void> {
    if (!this.#cacheRead) {
      this.#cacheRead = true;
      const kept = await this.#options.cache.load(this.#url);
      if (kept !== undefined && (await this.#take(kept, issuer)) === undefined) {
        // It serves for now; what the server has may be newer.
        this.#await(0, issuer);
        if (this.#lapse() === undefined) return;
      }
    }
    const { fetch, cache } = this.#options;
    const got = await fetch(this.#url, { sizeMaxBytes: LIST_SIZE_MAX_BYTES, timeoutMs: FETCH_TIMEOUT_MS });
    const before = this.#published;
    const problem = typeof got === 'string' ? got : await this.#take(got, issuer);
    if (this.#isClosed) return;
    // One that an authority publishes too late is taken for what it names, and waited for as for one that cannot be had.
    const trouble = problem ?? this.#lapse();
    if (trouble === undefined) {
      this.#failures = 0;
      this.#awaitRefresh(issuer);
    } else {
      this.#onFailure(trouble, issuer);
    }
    if (this.#published !== before && typeof got !== 'string') await cache.store(this.#url, got);
  }

  #lapse(): string | undefined {
    const lapse = this.#published?.lapse(this.#options.clock.epochMs());
    return lapse === undefined ? undefined : `what is published there is ${lapse}`;
  }

  /** Undefined when the list is in force now; otherwise why it is not. */
  async #take(der: Uint8Array, issuer: Authority): Promise<string | undefined> {
    const list = await readRevocationList(der, this.#options.pause);
    if (typeof list === 'string') return list;
    const published = new PublishedList(this.#url, list);
    if (!(await published.verify(issuer))) return `it is not signed by ${issuer.subject}`;
    // One with a date that is yet to come says nothing of which list is the older.
    const isWrong = this.#published?.isFromTheFuture(this.#options.clock.epochMs()) === true;
    const before = isWrong ? undefined : this.#published?.list;
    // An older list, played back by somebody on the way, would make good again what was revoked since.
    if (before !== undefined && list.thisUpdateMs < before.thisUpdateMs) return 'it is older than the one at hand';
    if (before === undefined || list.thisUpdateMs > before.thisUpdateMs) {
      this.#published = published;
      this.#awaitStale();
      this.#options.emit({
        name: 'revocation.refreshed',
        place: this.#url,
        issuer: issuer.subject,
        entries: list.entries,
        nextUpdate: new Date(list.nextUpdateMs).toISOString(),
      });
      this.#options.onChange();
    }
    return undefined;
  }

  #onFailure(problem: string, issuer: Authority): void {
    this.#failures++;
    this.#says = `cannot be had: ${problem}`;
    const { chance, emit } = this.#options;
    const isStale = this.#published === undefined || this.#lapse() !== undefined;
    // While the one at hand is current there is time, and the next attempt may well succeed.
    if (isStale) emit({ name: 'revocation.stale', place: this.#url, says: `the revocation list ${this.#says}` });
    this.#await(backoffMs(RETRY_BASE_MS, RETRY_MAX_MS, this.#failures, chance), issuer);
  }

  #awaitRefresh(issuer: Authority): void {
    const { thisUpdateMs, nextUpdateMs } = this.#published!.list;
    const epochMs = this.#options.clock.epochMs();
    const dueMs = thisUpdateMs + (nextUpdateMs - thisUpdateMs) * REFRESH_AT - epochMs;
    // Most authorities publish at the last moment: the same list again is asked for ever closer to it.
    const delayMs = Math.max(dueMs, (nextUpdateMs - epochMs) * (1 - REFRESH_AT));
    this.#await(Math.max(REFRESH_MIN_MS, Math.min(delayMs, REFRESH_MAX_MS)), issuer);
  }

  #await(delayMs: number, issuer: Authority): void {
    this.#refreshTimer?.cancel();
    if (this.#isClosed) return;
    this.#refreshTimer = this.#options.clock.after(delayMs, () => {
      this.#underWay ??= this.#fetch(issuer).finally(() => {
        this.#underWay = undefined;
      });
    });
  }

  #awaitStale(): void {
    this.#staleTimer?.cancel();
    const { clock, emit } = this.#options;
    const { nextUpdateMs } = this.#published!.list;
    // Of one that is out of date already, whoever has taken it over tells.
    if (nextUpdateMs <= clock.epochMs()) return;
    this.#staleTimer = atEpoch(clock, nextUpdateMs, () => {
      const says = `the revocation list is out of date since ${new Date(nextUpdateMs).toISOString()}`;
      emit({ name: 'revocation.stale', place: this.#url, says });
    });
  }
}
