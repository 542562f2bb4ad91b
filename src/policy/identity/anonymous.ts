/** The client that shows nothing, where the listener permits it. */
import type { AuthenticationResult, Credentials, Identity, IdentityMethod } from './identity.ts';
import { accept } from './results.ts';

export const anonymousMethod: IdentityMethod = Object.freeze({
  name: 'anonymous',

  authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
    const { username, password, anonymousAllowed } = credentials;
    if (username !== undefined || password !== undefined || !anonymousAllowed) return undefined;
    return Promise.resolve(accept(credentials, undefined, 'anonymous', 'anonymous'));
  },

  stillValid(_identity: Identity, listener: { anonymousAllowed: boolean }): boolean {
    return listener.anonymousAllowed;
  },
});
