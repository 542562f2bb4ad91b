/**
 * JSON Web Tokens: in the password or in place of the user name, or as the data of the enhanced method `JWT`, by which an MQTT 5
 * client renews its session before the token that it came with has expired.
 *
 * INVARIANT: which algorithm a token is verified with is decided by the configured list and by the kind of key, never by the
 * token alone; nothing in a token's header but `alg` and `kid` is looked at to find a key.
 */
import { createHash } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../../base/clock.ts';
import { Reason } from '../../mqtt/reason.ts';
import type {
  AuthenticationResult,
  Credentials,
  EnhancedExchange,
  EnhancedMethod,
  EnhancedStep,
  Identity,
  IdentityMethod,
  Standing,
} from './identity.ts';
import type { JwtAlgorithm } from './jwt-algorithms.ts';
import { type ClaimRules, factsFromClaims } from './jwt-claims.ts';
import { type JwtHeader, readJwt } from './jwt-form.ts';
import type { JwtKey, KeySource } from './jwt-keys.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { type Denial, deny } from './results.ts';

export interface JwtOptions {
  /** Of the entry in the chain. */
  readonly name: string;
  readonly tokenIn: 'password' | 'username';
  /** Allowed; nothing else is verified at all. */
  readonly algorithms: readonly JwtAlgorithm[];
  readonly keys: KeySource;
  readonly issuer: string | undefined;
  /** One of them has to be the token's. */
  readonly audience: readonly string[] | undefined;
  readonly requiredClaims: readonly string[];
  readonly expiryRequired: boolean;
  /** Longest time since a token was issued. */
  readonly ageMaxS: number | undefined;
  /** By how much the issuer's clock may be off. */
  readonly clockToleranceS: number;
  readonly tokenSizeMaxBytes: number;
  readonly claims: ClaimRules;
  /** Another entry may take tokens of other issuers; otherwise they are refused here. */
  readonly leavesOtherIssuers: boolean;
}

/** Verifications under way at once, those that wait for keys among them. */
const VERIFICATIONS_MAX = 1024;
/** Keys that one token is tried with. */
const CANDIDATES_MAX = 8;
const WIRE_NAME = 'JWT';
/** The last moment that dates can speak of. */
const LATEST_MS = 8.64e15;

const TOKENLESS: EnhancedStep = Object.freeze({ kind: 'continue', data: undefined });

export class JwtMethod implements IdentityMethod {
  readonly name: string;
  readonly enhanced: readonly EnhancedMethod[];
  readonly #options: JwtOptions;
  readonly #clock: Clock;
  readonly #by: string;
  /** Of all settings that decide about a token. */
  readonly #digest: string;
  #running = 0;

  constructor(options: JwtOptions, clock: Clock) {
    const { name, keys: _keys, leavesOtherIssuers: _leaves, ...settings } = options;
    this.name = name;
    this.enhanced = [{ name: WIRE_NAME, begin: (credentials) => this.#begin(credentials) }];
    this.#options = options;
    this.#clock = clock;
    this.#by = name === 'jwt' ? 'jwt' : `jwt:${name}`;
    this.#digest = createHash('sha256').update(JSON.stringify(settings)).digest('base64url').slice(0, 16);
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult> | undefined {
    const { username, password } = credentials;
    const inUsername = this.#options.tokenIn === 'username';
    const token = inUsername ? username : password && Buffer.from(password).toString('latin1');
    const header = token === undefined ? undefined : this.#headerOf(token);
    if (token === undefined || header === undefined) return undefined;
    return this.#bounded(token, header, credentials, inUsername ? undefined : username);
  }

  #begin(credentials: Credentials): EnhancedExchange {
    return {
      step: async (data) => {
        if (data === undefined) return TOKENLESS;
        const token = Buffer.from(data).toString('latin1');
        const header = this.#headerOf(token);
        if (header === undefined) return undefined;
        return { kind: 'done', result: await this.#bounded(token, header, credentials, credentials.username) };
      },
    };
  }

  isSecret(username: string): boolean {
    return readJwt(username) !== undefined;
  }

  /** Still issued by a key that is trusted, under the settings of today, and not expired. */
  stillValid({ credential, expiresAtMs = LATEST_MS }: Identity, { isAway = false }: Standing): boolean {
    const [digest, keyId] = credential.split(':');
    const { keys } = this.#options;
    const isTrusted = (isAway && !keys.isAtHand) || keys.has(keyId ?? '');
    return digest === this.#digest && isTrusted && this.#clock.epochMs() < expiresAtMs;
  }

  /** Undefined when it is no token, or one that another entry should look at. */
  #headerOf(token: string): JwtHeader | undefined {
    const { issuer, leavesOtherIssuers } = this.#options;
    const read = readJwt(token);
    if (read === undefined) return undefined;
    return leavesOtherIssuers && issuer !== undefined && read.unverifiedIssuer !== issuer ? undefined : read;
  }

  async #bounded(
    token: string,
    header: JwtHeader,
    credentials: Credentials,
    given: string | undefined,
  ): Promise<AuthenticationResult> {
    if (this.#running >= VERIFICATIONS_MAX) {
      return deny(Reason.ServerBusy, 'limit:jwtVerificationsMax', 'Too many tokens wait already.', this.name);
    }
    this.#running++;
    try {
      return await this.#judge(token, header, credentials, given);
    } catch {
      // INVARIANT: whatever the library makes of a hostile token, nobody gets in by it.
      return this.#deny('The token could not be checked.');
    } finally {
      this.#running--;
    }
  }

  async #judge(
    token: string,
    header: JwtHeader,
    { clientId }: Credentials,
    given: string | undefined,
  ): Promise<AuthenticationResult> {
    const { algorithms, keys, tokenSizeMaxBytes, claims } = this.#options;
    if (token.length > tokenSizeMaxBytes) return this.#deny('The token is larger than is accepted.');
    const algorithm = algorithms.find((name) => name === header.alg);
    if (algorithm === undefined) return this.#deny("The token's algorithm is not one that is allowed.");
    if (header.kid === null) return this.#deny("The token's key name is no usable text.");
    const candidates = await keys.find(algorithm, header.kid);
    if (candidates === 'unavailable') {
      return deny(Reason.ServerUnavailable, this.#by, 'The keys of the issuer are not available.', this.name);
    }
    const verified = await this.#verify(token, candidates.slice(0, CANDIDATES_MAX));
    if (typeof verified === 'string') return this.#deny(verified);
    const facts = factsFromClaims(verified.payload, claims);
    if (typeof facts === 'string') return this.#deny(facts);
    if (reservedInUsername(facts.username) >= 0) {
      const says = 'The user name in the token has a wildcard, a slash or a control character in it.';
      return deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, this.name);
    }
    if (given !== undefined && given !== facts.username) {
      return this.#deny('The user name is not the one in the token.');
    }
    const expiresAtMs = this.#expiryOf(verified.payload);
    const identity: Identity = Object.freeze({
      ...facts,
      clientId,
      method: this.name,
      credential: `${this.#digest}:${verified.key.id}`,
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    });
    return Object.freeze({ ok: true, identity });
  }

  /** The claims and the key that signed them, or why not. */
  async #verify(
    token: string,
    candidates: readonly JwtKey[],
  ): Promise<{ readonly payload: JWTPayload; readonly key: JwtKey } | string> {
    const { algorithms, issuer, audience, requiredClaims, expiryRequired, ageMaxS, clockToleranceS } = this.#options;
    const options = {
      algorithms: [...algorithms],
      requiredClaims: [...requiredClaims, ...(expiryRequired ? ['exp'] : [])],
      clockTolerance: clockToleranceS,
      currentDate: new Date(this.#clock.epochMs()),
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience: [...audience] }),
      ...(ageMaxS === undefined ? {} : { maxTokenAge: ageMaxS }),
    };
    for (const key of candidates) {
      try {
        const { payload } = await jwtVerify(token, key.key, options);
        return { payload, key };
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) return sentenceOf(error);
      }
    }
    return candidates.length === 0 ? "The token's key is not known." : "The token's signature does not match.";
  }

  /** As long as a token is accepted, so long the session lasts that it was accepted for. */
  #expiryOf({ exp, iat }: JWTPayload): number | undefined {
    const { ageMaxS, clockToleranceS } = this.#options;
    const ends: number[] = [];
    if (exp !== undefined) ends.push(exp);
    if (ageMaxS !== undefined && iat !== undefined) ends.push(iat + ageMaxS);
    return ends.length === 0 ? undefined : Math.min((Math.min(...ends) + clockToleranceS) * 1000, LATEST_MS);
  }

  #deny(says: string): Denial {
    return deny(Reason.BadUserNameOrPassword, this.#by, says, this.name);
  }
}

/** What the library found, in words that fit an answer to anyone: the signature has been verified before claims are judged. */
function sentenceOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) {
    return error.claim === 'iat' ? 'The token was issued too long ago.' : 'The token has expired.';
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return `The token lacks the claim "${error.claim}".`;
    if (error.reason === 'invalid') return `The token's claim "${error.claim}" is of a wrong type.`;
    if (error.claim === 'nbf') return 'The token is not valid yet.';
    if (error.claim === 'iat') return 'The token was issued in the future.';
    return `The token's claim "${error.claim}" is not as is wanted.`;
  }
  return 'The token is malformed.';
}
