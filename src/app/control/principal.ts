/**
 * The seam between the control API and those who know operators: who asks, and how that is found out.
 *
 * The API's server asks one `Authenticator` for each listener, once a request, before it reads the body. On the control socket
 * that is `localAuthenticator`: whoever can open the socket is the machine's operator. On the HTTPS listener it is whatever the
 * start hands in (accounts, tokens, sessions); without one, nobody is let in there.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Role, Scope } from './scope.ts';

/** Somebody whose identity is proven. Frozen, and valid for one request. */
export interface Principal {
  /** As the journal names it: `local:root` on the control socket, else the operator's own name. Never from a client unchecked. */
  readonly name: string;
  /** From where, for the journal: `control socket`, or an address. */
  readonly from: string;
  /** The most that it may. */
  readonly role: Role;
  /** What it may of that: `all` for an account, a list for a token that was narrowed. */
  readonly scopes: 'all' | ReadonlySet<Scope>;
  /** It came over the control socket, and could do everything to the data directory by itself. */
  readonly isLocal: boolean;
  /** Of a principal with a session of its own, so that a route can end or describe just that one. Not secret. */
  readonly sessionId?: string;
}

/** A certificate that a client has shown, and that the configured CA has signed: TLS has verified it. */
export interface ClientCertificate {
  /** Common name of its subject; empty where it has none. */
  readonly commonName: string;
  /** SHA-256 over its DER, lower-case hex without colons. */
  readonly fingerprint: string;
  /** Decimal or hex as the runtime gives it. */
  readonly serial: string;
  readonly der: Uint8Array;
}

/** What an authenticator may judge by. The body is not part of it: it has not been read yet. */
export interface RequestFacts {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Lower-case names, as Node gives them. Hostile: any bytes that HTTP permits. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** Normalised address of the peer; undefined on the control socket. */
  readonly address: string | undefined;
  /** Undefined where none was shown or asked for. */
  readonly certificate: ClientCertificate | undefined;
  /** Whether an answer that goes on still may: nobody asks anew, so that it is no use of a session. */
  readonly isGoingOn?: boolean;
}

/**
 * What comes of it. `nobody`: the request brings no credentials, and may still do what is open to all, such as log in.
 * `refused`: it brings some, and they are wrong, expired or revoked.
 */
export type Authentication =
  | { readonly kind: 'known'; readonly principal: Principal }
  | { readonly kind: 'nobody' }
  | {
      readonly kind: 'refused';
      /** One sentence for the asking side and the record: what is wrong, and the cure; never a secret or a part of one. */
      readonly says: string;
      /** Whoever it pretends to be, for the record. */
      readonly name?: string;
      /** What was shown, where it is the login itself, and no session that one has opened; for the record. */
      readonly by?: 'token';
      /** Asked too often: answered as 429 with this Retry-After. */
      readonly retryAfterS?: number;
    };

export interface Authenticator {
  /**
   * Called once a request. Must not wait for long (a store of sessions, a hash of a token; argon2 belongs into the login's
   * own route), and never lets anybody in by failing: whatever it throws is answered as an internal error.
   *
   * Cross-site requests have been refused before: Host is one of ours, and an unsafe method comes with our own Origin or none.
   * One that authenticates by cookie should still ask for `Origin` or `Sec-Fetch-Site: same-origin` with unsafe methods.
   */
  authenticate(facts: RequestFacts): Authentication | Promise<Authentication>;
  /** Content of WWW-Authenticate in a 401, such as `Bearer realm="sallyport"`. */
  readonly challenge?: string;
}

/** Lets nobody in. */
export const noAuthenticator: Authenticator = { authenticate: () => ({ kind: 'nobody' }) };
