/** Answers of identity methods, frozen. */
import type { AuthenticationResult, Credentials } from './identity.ts';

export type Denial = Extract<AuthenticationResult, { ok: false }>;

export function accept(
  credentials: Credentials,
  username: string | undefined,
  method: string,
  credential: string,
): AuthenticationResult {
  const identity = Object.freeze({ username, clientId: credentials.clientId, method, credential });
  return Object.freeze({ ok: true, identity });
}

export function deny(reason: number, by: string, says: string, method: string): Denial {
  return Object.freeze({ ok: false, reason, by, says, method });
}
