/** Asks who the client is, by all that is known of it. What goes wrong inside is a refusal. */
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult, Authenticator, Credentials, Standing } from '../../policy/identity/identity.ts';
import type { Client } from '../client.ts';

/** The user property by which a v5 client shows the code of a second factor. */
export const ONE_TIME_CODE_PROPERTY = 'totp';

/** Never rejects. */
export async function authenticate(
  authenticator: Authenticator,
  credentials: Credentials,
): Promise<AuthenticationResult> {
  try {
    return await authenticator.authenticate(credentials);
  } catch (error) {
    return deniedInside(error);
  }
}

/** INVARIANT: an authenticator does not reject. If one has a bug, nobody gets in through it. */
export function deniedInside(error: unknown): AuthenticationResult {
  const says = `authentication failed inside: ${error instanceof Error ? error.message : String(error)}`;
  return { ok: false, reason: Reason.UnspecifiedError, by: 'authentication:internal', says, method: 'none' };
}

type Shown = Pick<ConnectPacket, 'clientId' | 'username' | 'password' | 'properties'>;

export function credentialsOf(client: Client, { clientId, username, password, properties }: Shown): Credentials {
  const { policy, downstream } = client;
  return {
    clientId,
    username,
    password,
    certificate: downstream.certificate,
    certificateName: certificateName(client),
    anonymousAllowed: policy.anonymousAllowed,
    origin: downstream,
    oneTimeCode: properties.userProperties?.find(([name]) => name === ONE_TIME_CODE_PROPERTY)?.[1],
  };
}

export function standingOf(client: Client): Standing {
  return { anonymousAllowed: client.policy.anonymousAllowed, certificateName: certificateName(client) };
}

/** The user name that the listener makes of the client's certificate, where it does. */
function certificateName({ policy, downstream }: Client): string | undefined {
  return downstream.certificate === undefined ? undefined : policy.certificateIdentity?.expand(downstream.certificate);
}
