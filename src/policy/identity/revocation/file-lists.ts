/** Revocation lists from files: read with the configuration, and anew with each reload. */
import type { Clock } from '../../../base/clock.ts';
import type { Authority, PathStep } from './certificate-path.ts';
import type { PublishedList } from './published-list.ts';
import { NOTHING_SAID, type RevocationSource, strongest, type Word } from './source.ts';

export class FileLists implements RevocationSource {
  readonly #lists: readonly PublishedList[];
  readonly #clock: Clock;

  constructor(lists: readonly PublishedList[], clock: Clock) {
    this.#lists = lists;
    this.#clock = clock;
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

  /** Places of lists that bear the name of one of these authorities, but not its signature. */
  async forged(authorities: readonly Authority[]): Promise<string[]> {
    const places: string[] = [];
    for (const published of this.#lists) {
      const claimed = authorities.filter((authority) => published.claims(authority));
      const verdicts = await Promise.all(claimed.map((authority) => published.verify(authority)));
      if (claimed.length > 0 && !verdicts.includes(true)) places.push(published.place);
    }
    return places;
  }
}
