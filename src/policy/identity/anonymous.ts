/** The client that shows nothing, where the listener permits it. */
import type { AuthenticationResult, Credentials, Identity, IdentityMethod } from './identity.ts';
import { accept } from './results.ts';

export interface AnonymousOptions {
  /** What the configuration calls it; `anonymous`. */
  readonly name?: string;
  /** What such clients may do, as a role of the policy. */
  readonly role?: string | undefined;
}

export function anonymousMethodOf({ name = 'anonymous', role }: AnonymousOptions): IdentityMethod {
  const vouched = role === undefined ? {} : { roles: Object.freeze([role]) };
  return Object.freeze({
    name,

    authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
      const { username, password, anonymousAllowed } = credentials;
      if (username !== undefined || password !== undefined || !anonymousAllowed) return undefined;
      // Its role belongs to the credential: whoever came under another one does not keep it over a reload.
      return Promise.resolve(accept(credentials, undefined, name, credentialOf(role), vouched));
    },

    stillValid(identity: Identity, listener: { anonymousAllowed: boolean }): boolean {
      return listener.anonymousAllowed && identity.credential === credentialOf(role);
    },
  });
}

function credentialOf(role: string | undefined): string {
  return role === undefined ? 'anonymous' : `anonymous:${role}`;
}

export const anonymousMethod: IdentityMethod = anonymousMethodOf({});
