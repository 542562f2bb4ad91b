/** Establishes the client's identity. The only check that may wait; what goes wrong inside it is a refusal. */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult } from '../../policy/identity/identity.ts';
import type { Client } from '../client.ts';

/** Never rejects. */
export async function authenticate(client: Client, packet: ConnectPacket): Promise<AuthenticationResult> {
  const { policy, downstream } = client;
  try {
    return await policy.authenticator.authenticate({
      clientId: packet.clientId,
      username: packet.username,
      password: packet.password,
      certificateName: policy.identityFromCertificate ? downstream.certificateName : undefined,
      anonymousAllowed: policy.anonymousAllowed,
    });
  } catch (error) {
    // INVARIANT: an authenticator does not reject. If one has a bug, nobody gets in through it.
    const says = `authentication failed inside: ${error instanceof Error ? error.message : String(error)}`;
    return { ok: false, reason: Reason.UnspecifiedError, by: 'authentication:internal', says, method: 'none' };
  }
}
