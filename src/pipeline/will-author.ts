/**
 * Who leaves a Will, as text that is kept with it: the client may long be gone when the Will is due, and the process another one.
 * What is compared with bans and asked of the policy is all that is in it.
 */
import type { Subject } from '../policy/authorization/decision.ts';
import type { CertificateFields, Identity } from '../policy/identity/identity.ts';
import { type Client, subjectOf } from './client.ts';

/** More than any policy looks at; what is longer is not kept, and its Will not published. */
const AUTHOR_MAX_BYTES = 32_768;

export interface WillAuthor {
  readonly subject: Subject & { readonly address: string };
  /** How it was established who that is, and until when. */
  readonly proof: Pick<Identity, 'method' | 'credential' | 'expiresAtMs'>;
  readonly certificate?: CertificateFields | undefined;
}

/** Undefined before it is known who the client is, and where too much is known of it. */
export function willAuthorOf(client: Client): string | undefined {
  const { identity, downstream } = client;
  if (identity === undefined) return undefined;
  const subject = { ...subjectOf(client, identity), address: downstream.address };
  const { method, credential, expiresAtMs } = identity;
  const { chain: _chain, ...certificate } = downstream.certificate ?? {};
  const proof = { method, credential, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
  const author: WillAuthor = { subject, proof, ...(isCertificate(certificate) ? { certificate } : {}) };
  const text = JSON.stringify(author);
  return Buffer.byteLength(text) > AUTHOR_MAX_BYTES ? undefined : text;
}

/** Undefined where the text is none that `willAuthorOf` made. */
export function readWillAuthor(text: string | undefined): WillAuthor | undefined {
  if (text === undefined) return undefined;
  try {
    const { subject, proof, certificate } = JSON.parse(text) as Partial<WillAuthor>;
    if (typeof subject?.clientId !== 'string' || typeof subject.address !== 'string') return undefined;
    if (typeof proof?.method !== 'string' || typeof proof.credential !== 'string') return undefined;
    if (typeof (proof.expiresAtMs ?? 0) !== 'number') return undefined;
    return certificate === undefined || isCertificate(certificate) ? { subject, proof, certificate } : undefined;
  } catch {
    return undefined;
  }
}

function isCertificate(facts: Partial<CertificateFields> | null): facts is CertificateFields {
  const { fingerprint, notAfterMs, organizationalUnits, dnsNames, uris, emails } = facts ?? {};
  return (
    typeof fingerprint === 'string' &&
    typeof notAfterMs === 'number' &&
    [organizationalUnits, dnsNames, uris, emails].every(Array.isArray)
  );
}
