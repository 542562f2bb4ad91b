/** Who asks the control API over HTTPS: the bearer of a token, whoever has a session, or the holder of a certificate. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Authentication, Authenticator, Principal, RequestFacts } from '../control/principal.ts';
import type { Operator } from './accounts.ts';
import { CSRF_HEADER, cookieIn, SESSION_COOKIE } from './cookies.ts';
import type { Logins } from './logins.ts';
import type { OperatorStore } from './operator-store.ts';
import { commonScopes, type ScopeSet } from './scope-set.ts';
import { isCsrfTokenOf, type Session } from './sessions.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const CHALLENGE = 'Bearer realm="sallyport"';

/** A session, and how it is spoken to. */
export type SessionAnswer =
  | { readonly session: Session; readonly secret: string }
  | { readonly says: string }
  | undefined;

export class OperatorAuthenticator implements Authenticator {
  readonly challenge = CHALLENGE;
  readonly #store: OperatorStore;
  readonly #logins: Logins;

  constructor(store: OperatorStore, logins: Logins) {
    this.#store = store;
    this.#logins = logins;
  }

  /** What is shown counts in this order, and what is shown and wrong is not made good by what comes after it. */
  authenticate({ method, headers, address = '', certificate, isGoingOn }: RequestFacts): Authentication {
    if (headers.authorization !== undefined) return this.#byToken(headers.authorization, address);
    const found = this.sessionOf(method, headers, isGoingOn === true);
    if (found !== undefined)
      return 'says' in found ? { kind: 'refused', ...found } : this.#bySession(found.session, address);
    if (certificate === undefined) return { kind: 'nobody' };
    const name = this.#store.certificates.operatorOf(certificate);
    const operator = name === undefined ? undefined : this.#logins.enabled(name);
    // Whoever has one of the CA's may still log in in another way.
    return operator === undefined ? { kind: 'nobody' } : known(operator, address);
  }

  /** Also of a login that is not finished. A request that changes something has to come from a page of ours. */
  sessionOf(method: string, headers: IncomingHttpHeaders, isGoingOn = false): SessionAnswer {
    const secret = cookieIn(headers.cookie, SESSION_COOKIE);
    if (secret === undefined || secret === '') return undefined;
    const session = this.#store.sessions.find(secret, !isGoingOn);
    if (session === undefined) return { says: 'The session has ended: log in anew.' };
    if (SAFE_METHODS.has(method)) return { session, secret };
    const token = headers[CSRF_HEADER];
    if (typeof token !== 'string' || !isCsrfTokenOf(secret, token)) {
      return { says: `The header ${CSRF_HEADER} is missing or not the session's: send what the login answered with.` };
    }
    // The listener has refused what names another site; a browser that names none is too old to be trusted with a cookie.
    if (headers.origin === undefined && headers['sec-fetch-site'] === undefined) {
      return { says: 'With a session, a change comes with the header Origin: send it, or use a token instead.' };
    }
    return { session, secret };
  }

  #byToken(authorization: string, address: string): Authentication {
    const refused = { kind: 'refused', by: 'token' } as const;
    const secret = /^Bearer +([^\s]{1,200}) *$/i.exec(authorization)?.[1];
    if (secret === undefined) return { ...refused, says: 'Authorization has to be Bearer, with a token of ours.' };
    const token = this.#store.tokens.check(secret, address);
    if (token === 'unknown') return { ...refused, says: 'The token is unknown, or was revoked.' };
    if (token === 'expired') return { ...refused, says: 'The token has expired: make a new one.' };
    const operator = this.#logins.enabled(token.operator);
    if (operator === undefined) {
      return { ...refused, says: 'The account of the token is disabled.', name: token.operator };
    }
    const principal = known(operator, address, commonScopes(operator.scopes, token.scopes)).principal;
    // The journal tells which of its operator's tokens it was.
    return { kind: 'known', principal: Object.freeze({ ...principal, name: `${operator.name}(${token.id})` }) };
  }

  #bySession(session: Session, address: string): Authentication {
    if (session.stage !== 'full') return { kind: 'nobody' };
    const operator = this.#logins.enabled(session.operator);
    if (operator === undefined) return { kind: 'refused', says: 'The account is disabled.', name: session.operator };
    // The role, or what it demands, may have changed since.
    if (session.method === 'password' && this.#logins.needsSecondFactor(operator)) {
      return { kind: 'refused', says: 'The role needs a second factor now: log in anew.', name: operator.name };
    }
    const { principal } = known(operator, address);
    return { kind: 'known', principal: Object.freeze({ ...principal, sessionId: session.id }) };
  }
}

function known(
  { name, role, scopes }: Operator,
  address: string,
  may: ScopeSet = scopes,
): { readonly kind: 'known'; readonly principal: Principal } {
  return { kind: 'known', principal: Object.freeze({ name, from: address, role, scopes: may, isLocal: false }) };
}
