/** Answers of identity methods, frozen. */
import type { AuthenticationResult, Credentials, Identity } from './identity.ts';

export type Denial = Extract<AuthenticationResult, { ok: false }>;

export function accept(
  credentials: Credentials,
  username: string | undefined,
  method: string,
  credential: string,
  vouched: Pick<Identity, 'roles' | 'groups' | 'attributes' | 'limits' | 'expiresAtMs'> = {},
): AuthenticationResult {
  const identity = Object.freeze({ username, clientId: credentials.clientId, method, credential, ...vouched });
  return Object.freeze({ ok: true, identity });
}

export function deny(reason: number, by: string, says: string, method: string): Denial {
  return Object.freeze({ ok: false, reason, by, says, method });
}
