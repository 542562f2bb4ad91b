/** The path from a client certificate to a trusted root, which TLS has verified, found again to ask about each step. */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { BoundedMap } from '../../../base/bounded-map.ts';
import type { CertificateFacts } from '../identity.ts';
import { type CertificateFields, readCertificate } from '../x509/certificate-fields.ts';

/** An authority's certificate, read once. */
export interface Authority {
  readonly fields: CertificateFields;
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string;
  readonly subject: string;
}

/** One step of a path: who is vouched for, and by whom. */
export interface PathStep {
  readonly fields: CertificateFields;
  /** In words, such as `CN=pump-7`. */
  readonly subject: string;
  readonly issuer: Authority;
}

const STEPS_MAX = 8;
/** Intermediates that clients have sent, over all listeners. */
const AUTHORITIES_MAX = 512;

/** Undefined for what is none. */
export function readAuthority(der: Uint8Array): Authority | undefined {
  try {
    const certificate = new X509Certificate(der);
    return Object.freeze({
      fields: readCertificate(der),
      certificate,
      key: certificate.publicKey,
      fingerprint: createHash('sha256').update(der).digest('hex'),
      subject: certificate.subject.replaceAll('\n', ', '),
    });
  } catch {
    // Whatever this is, it is no authority.
    return undefined;
  }
}

/**
 * Intermediates that have been part of a good path. A resumed session does not carry them again, so that they have to be
 * remembered from the first.
 */
export class KnownAuthorities {
  readonly #byFingerprint = new BoundedMap<string, Authority>({ entriesMax: AUTHORITIES_MAX });
  /** Connections whose certificate had a path, under whatever roots. */
  readonly pathed = new WeakSet<CertificateFacts>();

  remember(authority: Authority): void {
    this.#byFingerprint.set(authority.fingerprint, authority);
  }

  values(): Iterable<Authority> {
    return this.#byFingerprint.values();
  }
}

/** What one listener trusts. */
export class TrustedRoots {
  readonly #inFile: readonly Authority[];
  readonly #known: KnownAuthorities;
  readonly #rootFingerprints: ReadonlySet<string>;
  /** By the facts of a connection, which are one object as long as it lives. */
  readonly #paths = new WeakMap<CertificateFacts, readonly PathStep[]>();

  constructor(pem: string, known: KnownAuthorities) {
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    this.#inFile = blocks
      .map((block) => readAuthority(new X509Certificate(block).raw))
      .filter((one) => one !== undefined);
    this.#rootFingerprints = new Set(this.#inFile.filter(isSelfIssued).map(({ fingerprint }) => fingerprint));
    this.#known = known;
  }

  get authorities(): readonly Authority[] {
    return this.#inFile;
  }

  /** From the leaf up, without the root itself; undefined where no path leads to a root that is trusted now. */
  pathOf(facts: CertificateFacts): readonly PathStep[] | undefined {
    const found = this.#paths.get(facts) ?? this.#find(facts);
    if (found !== undefined) {
      this.#paths.set(facts, found);
      this.#known.pathed.add(facts);
    }
    return found;
  }

  /** Whether there was one before the roots were changed. A session that was resumed elsewhere may never have had one. */
  hadPath(facts: CertificateFacts): boolean {
    return this.#known.pathed.has(facts);
  }

  #find(facts: CertificateFacts): readonly PathStep[] | undefined {
    const [leaf, ...sent] = facts.chain;
    if (leaf === undefined) return undefined;
    let certificate: X509Certificate;
    let fields: CertificateFields;
    try {
      certificate = new X509Certificate(leaf);
      fields = readCertificate(leaf);
    } catch {
      return undefined;
    }
    const steps: PathStep[] = [];
    let subject = facts.subject;
    while (steps.length < STEPS_MAX) {
      const issuer = this.#issuerOf(certificate, fields, sent);
      if (issuer === undefined) return undefined;
      steps.push(Object.freeze({ fields, subject, issuer }));
      if (this.#rootFingerprints.has(issuer.fingerprint)) {
        for (const step of steps) this.#known.remember(step.issuer);
        return Object.freeze(steps);
      }
      if (isSelfIssued(issuer)) return undefined;
      ({ certificate, fields, subject } = issuer);
    }
    return undefined;
  }

  /** What was sent along is read only where nobody knows the issuer yet. */
  #issuerOf(
    certificate: X509Certificate,
    fields: CertificateFields,
    sent: readonly Uint8Array[],
  ): Authority | undefined {
    for (const one of this.#inFile) if (hasIssued(one, certificate, fields)) return one;
    for (const one of this.#known.values()) if (hasIssued(one, certificate, fields)) return one;
    for (const der of sent) {
      const one = readAuthority(der);
      if (one !== undefined && hasIssued(one, certificate, fields)) return one;
    }
    return undefined;
  }
}

function isSelfIssued({ fields }: Authority): boolean {
  return Buffer.compare(fields.issuer, fields.subject) === 0;
}

function hasIssued(authority: Authority, certificate: X509Certificate, fields: CertificateFields): boolean {
  if (!authority.fields.isAuthority || Buffer.compare(authority.fields.subject, fields.issuer) !== 0) return false;
  try {
    return certificate.checkIssued(authority.certificate) && certificate.verify(authority.key);
  } catch {
    // A key of another kind than the signature.
    return false;
  }
}
