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
      certificate: downstream.certificate,
      certificateName: certificateName(client),
      anonymousAllowed: policy.anonymousAllowed,
      origin: downstream,
    });
  } catch (error) {
    // INVARIANT: an authenticator does not reject. If one has a bug, nobody gets in through it.
    const says = `authentication failed inside: ${error instanceof Error ? error.message : String(error)}`;
    return { ok: false, reason: Reason.UnspecifiedError, by: 'authentication:internal', says, method: 'none' };
  }
}

/** The user name that the listener makes of the client's certificate, where it does. */
export function certificateName({ policy, downstream }: Client): string | undefined {
  return downstream.certificate === undefined ? undefined : policy.certificateIdentity?.expand(downstream.certificate);
}
