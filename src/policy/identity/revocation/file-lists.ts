/** Revocation lists from files: read with the configuration, and anew with each reload. */
import { atEpoch } from '../../../base/at-epoch.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import type { Authority, PathStep } from './certificate-path.ts';
import type { PublishedList } from './published-list.ts';
import type { RevocationList } from './revocation-list.ts';
import { type NextUpdate, NOTHING_SAID, type RevocationSource, strongest, type Word } from './source.ts';

export class FileLists implements RevocationSource {
  readonly #lists: readonly PublishedList[];
  readonly #clock: Clock;
  readonly #issuers = new Map<RevocationList, string>();
  readonly #timers: Timer[] = [];

  constructor(lists: readonly PublishedList[], clock: Clock) {
    this.#lists = lists;
    this.#clock = clock;
  }

  /** Where they are from, and until when they are current. */
  nextUpdates(): NextUpdate[] {
    return this.#lists.map(({ place, list }) => ({ place, nextUpdateMs: list.nextUpdateMs }));
  }

  wordOn(step: PathStep): Word {
    const epochMs = this.#clock.epochMs();
    return strongest(
      this.#lists.map((published) => {
        if (published.isFrom(step.issuer) === true) return published.wordOn(step, epochMs);
        return published.claims(step.issuer)
          ? { kind: 'none', says: `the revocation list ${published.place} is not signed by its issuer` }
          : NOTHING_SAID;
      }),
    );
  }

  /** An issuer that a client sends is not known before; then the lists that bear its name are checked with its key. */
  isDue({ issuer }: PathStep): boolean {
    return this.#lists.some((published) => published.isFrom(issuer) === undefined);
  }

  async obtain({ issuer }: PathStep): Promise<void> {
    await Promise.all(
      this.#lists
        .filter((published) => published.isFrom(issuer) === undefined)
        .map((published) => published.verify(issuer)),
    );
  }

  /** Tells what is in force, and what goes out of date: now or later. */
  watch(emit: Emit): void {
    for (const { place, list } of this.#lists) {
      const nextUpdate = new Date(list.nextUpdateMs).toISOString();
      const tellStale = (): void =>
        emit({ name: 'revocation.stale', place, says: `the revocation list is out of date since ${nextUpdate}` });
      if (list.nextUpdateMs <= this.#clock.epochMs()) {
        tellStale();
        continue;
      }
      const issuer = this.#issuers.get(list) ?? 'an authority that is not known yet';
      emit({ name: 'revocation.refreshed', place, issuer, entries: list.entries, nextUpdate });
      this.#timers.push(atEpoch(this.#clock, list.nextUpdateMs, tellStale));
    }
  }

  unwatch(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
  }

  /** Places of lists that bear the name of one of these authorities, but not its signature. */
  async forged(authorities: readonly Authority[]): Promise<string[]> {
    const places: string[] = [];
    for (const published of this.#lists) {
      const claimed = authorities.filter((authority) => published.claims(authority));
      const verdicts = await Promise.all(claimed.map((authority) => published.verify(authority)));
      const signer = claimed[verdicts.indexOf(true)];
      if (signer !== undefined) this.#issuers.set(published.list, signer.subject);
      else if (claimed.length > 0) places.push(published.place);
    }
    return places;
  }
}
