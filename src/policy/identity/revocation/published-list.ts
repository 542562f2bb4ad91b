/** A revocation list together with the place it came from, and the issuers whose signature on it was checked. */
import { isSignedBy } from '../x509/signed.ts';
import type { Authority, PathStep } from './certificate-path.ts';
import type { RevocationList } from './revocation-list.ts';
import type { Word } from './source.ts';

/** Clocks differ. */
const CLOCK_SKEW_MS = 300_000;

export class PublishedList {
  readonly place: string;
  readonly list: RevocationList;
  /** By fingerprint of the authority. */
  readonly #isFrom = new Map<string, boolean>();

  constructor(place: string, list: RevocationList) {
    this.place = place;
    this.list = list;
  }

  /** Whether it bears the issuer's name, which anybody can write. */
  claims({ fields }: Authority): boolean {
    return Buffer.compare(this.list.issuer, fields.subject) === 0;
  }

  /** Whether the issuer has signed it; undefined before that was checked. */
  isFrom(issuer: Authority): boolean | undefined {
    return this.claims(issuer) ? this.#isFrom.get(issuer.fingerprint) : false;
  }

  async verify(issuer: Authority): Promise<boolean> {
    const isFrom =
      this.claims(issuer) && issuer.fields.maySignLists !== false && (await isSignedBy(this.list.signed, issuer.key));
    this.#isFrom.set(issuer.fingerprint, isFrom);
    return isFrom;
  }

  /**
   * INVARIANT: only asked for an issuer that it is from. What a list names stays revoked when the list is out of date; that a
   * certificate is good, only a current list can say.
   */
  wordOn({ fields }: PathStep, epochMs: number): Word {
    const { scope } = this.list;
    const { onlyUsers, onlyAuthorities, uris } = scope;
    const covers =
      !(onlyUsers && fields.isAuthority) &&
      !(onlyAuthorities && !fields.isAuthority) &&
      (uris === undefined || fields.listUris.some((uri) => uris.includes(uri)));
    if (!covers) return { kind: 'none', says: `the revocation list ${this.place} does not speak of the certificate` };
    if (this.list.names(fields.serial)) return { kind: 'revoked', by: `crl:${this.place}` };
    const lapse = this.lapse(epochMs);
    if (lapse !== undefined) return { kind: 'none', says: `the revocation list ${this.place} is ${lapse}` };
    return { kind: 'good', by: `crl:${this.place}` };
  }

  isFromTheFuture(epochMs: number): boolean {
    return this.list.thisUpdateMs > epochMs + CLOCK_SKEW_MS;
  }

  /** Why it cannot say now that a certificate is good; undefined while it can. */
  lapse(epochMs: number): string | undefined {
    const { nextUpdateMs } = this.list;
    if (this.isFromTheFuture(epochMs)) return 'from the future: check the clocks';
    return nextUpdateMs <= epochMs ? `out of date since ${new Date(nextUpdateMs).toISOString()}` : undefined;
  }
}
