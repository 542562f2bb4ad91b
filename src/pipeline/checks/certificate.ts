/** The listener's word on the client's certificate, beyond what TLS has verified: before a login, and whenever something has come up. */
import type { Emit } from '../../base/events.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { CertificateObjection } from '../../policy/identity/certificate-guard.ts';
import type { Client } from '../client.ts';

/** Asked before every method of identity. Never rejects; undefined at once where there is nothing to ask. */
export function admitCertificate({
  policy,
  downstream,
}: Client): Promise<CertificateObjection | undefined> | undefined {
  const { certificate } = downstream;
  if (certificate === undefined || policy.certificateGuard === undefined) return undefined;
  // INVARIANT: a guard does not reject. If one has a bug, nobody gets in past it.
  return policy.certificateGuard.admit(certificate).catch((error: unknown) => {
    const says = `the certificate could not be judged: ${error instanceof Error ? error.message : String(error)}`;
    return { reason: Reason.UnspecifiedError, by: 'certificate:internal', says, isRevoked: false };
  });
}

/** What is known now against a certificate that was admitted. */
export function certificateObjection({ policy, downstream }: Client): CertificateObjection | undefined {
  const { certificate } = downstream;
  return certificate === undefined ? undefined : policy.certificateGuard?.objection(certificate);
}

/** A revoked certificate in use is an event of its own: somebody has a key that they should not have. */
export function tellRevoked(client: Client, objection: CertificateObjection, emit: Emit): void {
  const { certificate } = client.downstream;
  if (!objection.isRevoked || certificate === undefined) return;
  const { subject, serial, fingerprint } = certificate;
  const { reason, by, says } = objection;
  emit({ name: 'certificate.revoked', ...client.facts(), subject, serial, fingerprint, reason, by, says });
}
