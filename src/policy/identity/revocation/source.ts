/** Where word of a certificate's standing comes from: files, distribution points, responders. */
import type { PathStep } from './certificate-path.ts';

/** What is known now about one step of a path. */
export type Word =
  /** `by` is the place that says so, such as `crl:/etc/sallyport/ca.crl` or `ocsp:http://ocsp.example.org`. */
  | { readonly kind: 'good'; readonly by: string }
  | { readonly kind: 'revoked'; readonly by: string }
  /** Nothing definite; `says` is why, or undefined where this source does not speak of the certificate at all. */
  | { readonly kind: 'none'; readonly says: string | undefined };

export interface RevocationSource {
  /** At once, from what is at hand. */
  wordOn(step: PathStep): Word;
  /** Whether asking now may bring a word that is worth waiting for. */
  isDue(step: PathStep): boolean;
  /** Asks. Resolves when there is an answer or none is to be had; never rejects. */
  obtain(step: PathStep): Promise<void>;
}

export const NOTHING_SAID: Word = Object.freeze({ kind: 'none', says: undefined });

/** Revoked beats good beats nothing; of several that know nothing, the first that says why. */
export function strongest(words: Iterable<Word>): Word {
  let best: Word = NOTHING_SAID;
  for (const word of words) {
    if (word.kind === 'revoked') return word;
    if (word.kind === 'good') best = word;
    else if (best.kind === 'none' && best.says === undefined) best = word;
  }
  return best;
}

/** Until when a list is current. */
export interface NextUpdate {
  readonly place: string;
  readonly nextUpdateMs: number;
}
