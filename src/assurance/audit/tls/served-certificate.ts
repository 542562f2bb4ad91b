/** A certificate as an endpoint sent it, read once. */
import { X509Certificate } from 'node:crypto';
import { type CertificateFields, readCertificate } from '../../../policy/identity/x509/certificate-fields.ts';
import { DerFault } from '../../../policy/identity/x509/der.ts';
import { type Fact, known, unknown } from '../model/fact.ts';

export interface ServedCertificate {
  readonly x509: X509Certificate;
  readonly fields: CertificateFields;
  /** Such as `certificate broker.example` for the server's own. */
  readonly label: string;
  readonly isLeaf: boolean;
  readonly isSelfSigned: boolean;
}

/** In the order given, the server's own first. */
export function readServed(certificates: readonly Uint8Array[], from: string): Fact<readonly ServedCertificate[]> {
  const read: ServedCertificate[] = [];
  for (const [index, der] of certificates.entries()) {
    try {
      const x509 = new X509Certificate(der);
      const fields = readCertificate(der);
      const isSelfSigned = Buffer.compare(fields.issuer, fields.subject) === 0;
      const name = fields.commonName ?? fields.dnsNames[0] ?? `with serial ${fields.serial}`;
      read.push({
        x509,
        fields,
        isLeaf: index === 0,
        isSelfSigned,
        label: `${index === 0 ? 'certificate' : 'authority'} ${name}`,
      });
    } catch (error) {
      const says = error instanceof DerFault ? error.message : 'it cannot be read';
      return unknown('malformed', `Certificate ${index + 1} of ${certificates.length} is malformed: ${says}.`);
    }
  }
  return read.length === 0 ? unknown('unreadable', 'The endpoint showed no certificate.') : known(read, from);
}

export function issuedBy(certificate: ServedCertificate, issuer: X509Certificate): boolean {
  try {
    return certificate.x509.checkIssued(issuer) && certificate.x509.verify(issuer.publicKey);
  } catch {
    // A key of a kind that the runtime does not know.
    return false;
  }
}
