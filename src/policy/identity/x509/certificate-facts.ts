/** What the gateway keeps of a client certificate that TLS has verified. */
import type { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../identity.ts';
import { readCertificate } from './certificate-fields.ts';
import { DerFault } from './der.ts';

/** Of what a client sends with its certificate; a real chain has one or two intermediates. */
const CHAIN_MAX = 8;

/** Undefined when the certificate is not as RFC 5280 has it. */
export function certificateFacts(leaf: X509Certificate): CertificateFacts | undefined {
  try {
    const fields = readCertificate(leaf.raw);
    const chain: Uint8Array[] = [leaf.raw];
    for (
      let next = leaf.issuerCertificate;
      next !== undefined && chain.length < CHAIN_MAX;
      next = next.issuerCertificate
    )
      chain.push(next.raw);
    return Object.freeze({
      commonName: fields.commonName,
      subject: oneLine(leaf.subject),
      issuer: oneLine(leaf.issuer),
      organizationalUnits: fields.organizationalUnits,
      serial: fields.serial,
      fingerprint: fingerprintOf(leaf),
      dnsNames: fields.dnsNames,
      uris: fields.uris,
      emails: fields.emails,
      notAfterMs: fields.notAfterMs,
      chain,
    });
  } catch (error) {
    if (error instanceof DerFault) return undefined;
    throw error;
  }
}

/** SHA-256, lower-case hex. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The runtime prints one attribute a line, the most specific last. */
function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ');
}
