/**
 * The chain that establishes an identity: its methods are asked in order, and the first that applies decides. A client that
 * fails one is not tried with the next.
 */
import { Reason } from '../../mqtt/reason.ts';
import { Candidates } from './candidates.ts';
import type {
  AuthenticationResult,
  Authenticator,
  Credentials,
  EnhancedExchange,
  EnhancedMethod,
  Identity,
  IdentityMethod,
  Standing,
} from './identity.ts';
import { reservedInClientId } from './reserved-characters.ts';
import { deny } from './results.ts';

const RESERVED_CLIENT_ID = deny(
  Reason.ClientIdentifierNotValid,
  'identity:reserved-characters',
  'The client identifier has a wildcard or a control character in it.',
  'none',
);

const NOTHING_SHOWN = deny(
  Reason.NotAuthorized,
  'listener:anonymousAllowed',
  'Neither certificate nor user name was shown, and the listener permits no anonymous clients.',
  'anonymous',
);

const NONE_APPLIES = deny(
  Reason.BadUserNameOrPassword,
  'authentication:chain',
  'What was shown is none of the kinds that this listener takes.',
  'none',
);

export function buildAuthenticator(methods: readonly IdentityMethod[]): Authenticator {
  const byName = new Map(methods.map((method) => [method.name, method]));
  const enhanced = new Map<string, EnhancedMethod[]>();
  for (const method of methods.flatMap((each) => each.enhanced ?? [])) {
    const sameName = enhanced.get(method.name);
    if (sameName === undefined) enhanced.set(method.name, [method]);
    else sameName.push(method);
  }
  return Object.freeze({
    async authenticate(credentials: Credentials): Promise<AuthenticationResult> {
      if (reservedInClientId(credentials.clientId) >= 0) return RESERVED_CLIENT_ID;
      for (const method of methods) {
        const pending = method.authenticate(credentials);
        if (pending === undefined) continue;
        const result = await pending;
        if (result !== undefined) return result;
      }
      const { username, password } = credentials;
      return username === undefined && password === undefined ? NOTHING_SHOWN : NONE_APPLIES;
    },

    begin(name: string, credentials: Credentials): EnhancedExchange | undefined {
      const found = enhanced.get(name);
      if (found === undefined) return undefined;
      if (reservedInClientId(credentials.clientId) < 0) return new Candidates(found, credentials);
      return { step: () => Promise.resolve({ kind: 'done', result: RESERVED_CLIENT_ID }) };
    },

    /** An identity whose method has gone from the configuration has gone with it. */
    stillValid(identity: Identity, standing: Standing): boolean {
      return byName.get(identity.method)?.stillValid(identity, standing) ?? false;
    },

    isSecret(username: string): boolean {
      return methods.some((method) => method.isSecret?.(username) === true);
    },
  });
}
