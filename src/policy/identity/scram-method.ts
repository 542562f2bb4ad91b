/**
 * SCRAM-SHA-256 and SCRAM-SHA-512 by AUTH packets [RFC 5802, RFC 7677, MQTT5 4.12]: the password never travels, what is stored is
 * not enough to log in with, and the server proves itself too.
 *
 * A user who does not exist is asked as one who does, with a salt that is always the same for a name, and fails at the end, in
 * the words and at the cost of a wrong password.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Chance } from '../../base/chance.ts';
import { Reason } from '../../mqtt/reason.ts';
import type {
  AuthenticationResult,
  Credentials,
  EnhancedExchange,
  EnhancedMethod,
  EnhancedStep,
  Identity,
  IdentityMethod,
} from './identity.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { accept, deny } from './results.ts';
import type { KnownVerifier, ScramCredentials } from './scram-file.ts';
import { type ClientFirst, readClientFinal, readClientFirst, type ScramFault } from './scram-messages.ts';
import {
  DEFAULT_ITERATIONS,
  digest,
  hashOf,
  hmac,
  SALT_BYTES,
  type ScramMechanism,
  type ScramVerifier,
} from './scram-verifier.ts';

export interface ScramOptions {
  /** Of the entry in the chain. */
  readonly name: string;
  readonly mechanisms: readonly ScramMechanism[];
  readonly credentials: ScramCredentials;
  /** Secret that the salts of users who do not exist are made from; it has to outlive a restart, as real salts do. */
  readonly decoyKey: Uint8Array;
  readonly chance: Chance;
}

const NONCE_BYTES = 18;

const FAULTS: Readonly<Record<ScramFault, string>> = {
  malformed: 'The SCRAM message is malformed.',
  'channel-binding': 'Channel binding is not offered; the client has to use the mechanism without it.',
  extension: 'The SCRAM message has an extension, and none is known here.',
};

const WRONG = 'Unknown user or wrong password.';

export class ScramMethod implements IdentityMethod {
  readonly name: string;
  readonly enhanced: readonly EnhancedMethod[];
  readonly #credentials: ScramCredentials;

  constructor(options: ScramOptions) {
    this.name = options.name;
    this.#credentials = options.credentials;
    this.enhanced = options.mechanisms.map((mechanism) => ({
      name: mechanism,
      begin: (credentials) => new ScramExchange(mechanism, options, credentials),
    }));
  }

  /** A password in CONNECT is for other methods. */
  authenticate(): undefined {
    return undefined;
  }

  stillValid({ username, credential }: Identity): boolean {
    return username !== undefined && this.#credentials.holds(username, credential);
  }
}

/** What the last message is judged by. */
interface Challenge {
  readonly first: ClientFirst;
  /** The client's nonce and ours. */
  readonly nonce: string;
  readonly serverFirst: string;
  readonly verifier: ScramVerifier;
  /** Undefined for a user who does not exist. */
  readonly known: KnownVerifier | undefined;
}

class ScramExchange implements EnhancedExchange {
  readonly #mechanism: ScramMechanism;
  readonly #options: ScramOptions;
  readonly #shown: Credentials;
  #challenge: Challenge | undefined;

  constructor(mechanism: ScramMechanism, options: ScramOptions, shown: Credentials) {
    this.#mechanism = mechanism;
    this.#options = options;
    this.#shown = shown;
  }

  step(data: Uint8Array | undefined): Promise<EnhancedStep> {
    return Promise.resolve(this.#challenge === undefined ? this.#begin(data) : this.#finish(this.#challenge, data));
  }

  #begin(data: Uint8Array | undefined): EnhancedStep {
    if (data === undefined) return { kind: 'continue', data: undefined };
    const first = readClientFirst(data);
    if (typeof first === 'string') return this.#fail(FAULTS[first]);
    const { username, nonce: clientNonce, authorizationName = username } = first;
    if (reservedInUsername(username) >= 0) {
      const says = 'The user name has a wildcard, a slash or a control character in it.';
      return done(deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, this.#options.name));
    }
    if (authorizationName !== username) return this.#fail('Acting as another user is not possible.');
    const { credentials, chance } = this.#options;
    const known = credentials.find(username, this.#mechanism);
    const verifier = known?.verifier ?? this.#decoy(username);
    const nonce = `${clientNonce}${chance.bytes(NONCE_BYTES).toString('base64')}`;
    const salt = Buffer.from(verifier.salt).toString('base64');
    const serverFirst = `r=${nonce},s=${salt},i=${verifier.iterations}`;
    this.#challenge = { first, nonce, serverFirst, verifier, known };
    return { kind: 'continue', data: Buffer.from(serverFirst) };
  }

  #finish({ first, nonce, serverFirst, verifier, known }: Challenge, data: Uint8Array | undefined): EnhancedStep {
    const final = readClientFinal(data ?? Buffer.alloc(0));
    if (typeof final === 'string') return this.#fail(FAULTS[final]);
    if (final.channelBinding !== Buffer.from(first.gs2Header).toString('base64')) {
      // Somebody between client and server has changed what either believes about channel binding.
      return this.#fail('The channel binding is not the one that the exchange began with.');
    }
    if (final.nonce !== nonce) return this.#fail('The nonce is not the one of this exchange.');
    const mechanism = this.#mechanism;
    const signed = `${first.bare},${serverFirst},${final.withoutProof}`;
    const signature = hmac(mechanism, verifier.storedKey, signed);
    if (final.proof.length !== signature.length) return this.#fail(FAULTS.malformed);
    const clientKey = signature.map((byte, at) => byte ^ final.proof[at]!);
    const isRight = timingSafeEqual(digest(mechanism, clientKey), verifier.storedKey);
    // INVARIANT: a user who does not exist is refused whatever the decoy says.
    if (known === undefined || !isRight) return this.#fail(WRONG);
    const serverSignature = hmac(mechanism, verifier.serverKey, signed).toString('base64');
    const { credentials, name } = this.#options;
    // Much may have happened between the two messages.
    if (!credentials.holds(first.username, known.credential)) return this.#fail(WRONG);
    credentials.loggedIn?.(first.username);
    const { credential, expiresAtMs } = known;
    const vouched = expiresAtMs === undefined ? {} : { expiresAtMs };
    const result = accept(this.#shown, first.username, name, credential, vouched);
    return { kind: 'done', result, data: Buffer.from(`v=${serverSignature}`) };
  }

  #decoy(username: string): ScramVerifier {
    const { decoyKey, credentials } = this.#options;
    const mechanism = this.#mechanism;
    const bytesFor = (what: string): Buffer =>
      createHmac('sha512', decoyKey).update(`${what}\0${mechanism}\0${username}`).digest();
    const { sizeBytes } = hashOf(mechanism);
    return {
      mechanism,
      iterations: credentials.usualIterations(mechanism) ?? DEFAULT_ITERATIONS,
      salt: bytesFor('salt').subarray(0, SALT_BYTES),
      storedKey: bytesFor('stored').subarray(0, sizeBytes),
      serverKey: bytesFor('server').subarray(0, sizeBytes),
    };
  }

  #fail(says: string): EnhancedStep {
    return done(deny(Reason.BadUserNameOrPassword, this.#options.credentials.by, says, this.#options.name));
  }
}

function done(result: AuthenticationResult): EnhancedStep {
  return { kind: 'done', result };
}
