/** Asks who the client is, by all that is known of it. What goes wrong inside is a refusal. */
import type { Emit } from '../../base/events.ts';
import type { ConnectPacket } from '../../mqtt/packet.ts';
import { Reason } from '../../mqtt/reason.ts';
import type { AuthenticationResult, Authenticator, Credentials, Standing } from '../../policy/identity/identity.ts';
import type { Client } from '../client.ts';
import type { ConnectionPolicy } from '../policy.ts';
import type { WillAuthor } from '../will-author.ts';
import { certificateObjection, tellRevoked } from './certificate.ts';

/** What a listener knows identities by. */
export type AuthorStanding = Pick<ConnectionPolicy, 'authenticator' | 'anonymousAllowed' | 'certificateIdentity'>;

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
    presharedKey: downstream.presharedKey,
    certificate: downstream.certificate,
    certificateName: certificateName(client),
    anonymousAllowed: policy.anonymousAllowed,
    origin: downstream,
    oneTimeCode: properties.userProperties?.find(([name]) => name === ONE_TIME_CODE_PROPERTY)?.[1],
  };
}

/** Why the client would not be let in again as who it is, or undefined when it would. */
export function lapseOf(client: Client, emit: Emit): { by: string; says: string } | undefined {
  const { identity, policy } = client;
  const objection = certificateObjection(client);
  if (objection !== undefined) {
    tellRevoked(client, objection, emit);
    return objection;
  }
  if (identity !== undefined && policy.authenticator.stillValid(identity, standingOf(client))) return undefined;
  return NO_LONGER_VALID;
}

const NEVER = Number.POSITIVE_INFINITY;
export const IDENTITY_EXPIRED = { by: 'identity:expired', says: 'identity has expired' };
const NO_LONGER_VALID = { by: 'policy:identity', says: 'the identity is no longer valid' };

export function standingOf(client: Client): Standing {
  return { anonymousAllowed: client.policy.anonymousAllowed, certificateName: certificateName(client) };
}

/** Why somebody who has gone would not be let in again as who it was, by the listener that it had come to; undefined when it would. */
export function lapseOfAuthor(
  { subject, proof, certificate }: WillAuthor,
  { authenticator, anonymousAllowed, certificateIdentity }: AuthorStanding,
  epochMs: number,
): { by: string; says: string } | undefined {
  const { username, clientId } = subject;
  if (epochMs >= Math.min(proof.expiresAtMs ?? NEVER, certificate?.notAfterMs ?? NEVER)) return IDENTITY_EXPIRED;
  const certificateName = certificate === undefined ? undefined : certificateIdentity?.expand(certificate);
  const standing = { anonymousAllowed, certificateName, isAway: true };
  return authenticator.stillValid({ ...proof, username, clientId }, standing) ? undefined : NO_LONGER_VALID;
}

/** The user name that the listener makes of the client's certificate, where it does. */
function certificateName({ policy, downstream }: Client): string | undefined {
  return downstream.certificate === undefined ? undefined : policy.certificateIdentity?.expand(downstream.certificate);
}
