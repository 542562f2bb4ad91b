/** Passkeys of operators (WebAuthn): several a person, each used with a PIN or a fingerprint, each challenge good for one answer. */
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { BoundedMap } from '../../base/bounded-map.ts';
import { OperatorError } from '../config/problem.ts';
import type { Accounts, Operator } from './accounts.ts';
import type { Author, Ledger } from './ledger.ts';
import { isSameText } from './secret-text.ts';
import { checkLabel } from './tokens.ts';

export interface Passkey {
  /** As the authenticator calls it; not secret. */
  readonly id: string;
  readonly operator: string;
  readonly label: string;
  /** Epoch milliseconds. */
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
}

export type PasskeyAnswer =
  | { readonly ok: true; readonly operator: Operator }
  | { readonly ok: false; readonly says: string; readonly operator?: string };

/** What a challenge was made for. */
type Purpose = { readonly kind: 'register'; readonly sessionId: string } | { readonly kind: 'log in' };

const CHALLENGE_BYTES = 32;
const CHALLENGE_LIFETIME_MS = 5 * 60_000;
export const CHALLENGES_MAX = 10_000;
const OF_ONE_OPERATOR_MAX = 20;
const NAME = 'Sallyport';
/** EdDSA, ES256 and RS256 [RFC 9053, RFC 8812]: what every authenticator has one of. */
const ALGORITHMS = [-8, -7, -257];
/** The same for all that can be wrong with an answer: it tells nobody which passkeys there are. */
const WRONG = 'The passkey is unknown here, or its answer is not to what was asked.';

/** The library is some hundred kilobytes, for those who use it. */
const library = () => import('@simplewebauthn/server');

export class Passkeys {
  readonly #ledger: Ledger;
  readonly #accounts: Accounts;
  readonly #challenges = new BoundedMap<string, { readonly purpose: Purpose; readonly untilMs: number }>({
    entriesMax: CHALLENGES_MAX,
    onEvict: () => this.onFull(),
  });
  /** Told each time that a challenge had to make room. */
  onFull: () => void = () => undefined;
  /** Origin at which browsers find us: a passkey is bound to its host. A reload may change it. */
  publicUrl: string | undefined;

  constructor(ledger: Ledger, accounts: Accounts) {
    this.#ledger = ledger;
    this.#accounts = accounts;
  }

  /** @throws {OperatorError} where passkeys cannot be used. */
  async registrationOptions(operator: Operator, sessionId: string): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const { host } = this.#site();
    const { generateRegistrationOptions } = await library();
    const options = await generateRegistrationOptions({
      rpName: NAME,
      rpID: host,
      userName: operator.name,
      userID: new Uint8Array(operator.handle),
      challenge: new Uint8Array(this.#ledger.chance.bytes(CHALLENGE_BYTES)),
      timeout: CHALLENGE_LIFETIME_MS,
      attestationType: 'none',
      supportedAlgorithmIDs: ALGORITHMS,
      excludeCredentials: this.listOf(operator.name).map(({ id }) => ({ id })),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    });
    this.#expect(options.challenge, { kind: 'register', sessionId });
    return options;
  }

  /**
   * Undefined when the answer is not to what the session was asked.
   * @throws {OperatorError} for a bad label, and where there are too many.
   */
  async register(
    operator: Operator,
    sessionId: string,
    { label, response }: { readonly label: string; readonly response: RegistrationResponseJSON },
    author: Author,
  ): Promise<Passkey | undefined> {
    checkLabel(label);
    const { host, origin } = this.#site();
    const { verifyRegistrationResponse } = await library();
    const isAsked = (challenge: string): boolean => {
      const purpose = this.#take(challenge);
      return purpose?.kind === 'register' && purpose.sessionId === sessionId;
    };
    const verified = await verifyRegistrationResponse({
      response,
      expectedChallenge: isAsked,
      expectedOrigin: origin,
      expectedRPID: host,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch(() => undefined);
    if (verified?.verified !== true) return undefined;
    const { credential } = verified.registrationInfo;
    const nowMs = this.#ledger.clock.epochMs();
    const isDone = this.#ledger.change(author, () => {
      if (this.listOf(operator.name).length >= OF_ONE_OPERATOR_MAX) {
        throw new OperatorError(`${operator.name} has ${OF_ONE_OPERATOR_MAX} passkeys: take one away first.`);
      }
      const { changes } = this.#ledger.database
        .prepare(
          `INSERT INTO passkey (id, operator, label, public_key, counter, transports, created_at_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        )
        .run(
          credential.id,
          operator.name,
          label,
          credential.publicKey,
          credential.counter,
          (credential.transports ?? []).join(' '),
          nowMs,
        );
      return changes === 0
        ? undefined
        : { operator: operator.name, what: 'passkey', says: `The passkey "${label}" was enrolled.` };
    });
    return isDone ? this.#find(credential.id)?.passkey : undefined;
  }

  /** For the operator of a login that is under way, or for whoever comes: then the browser offers what it has. */
  async loginOptions(operator: Operator | undefined): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { host } = this.#site();
    const { generateAuthenticationOptions } = await library();
    const options = await generateAuthenticationOptions({
      rpID: host,
      challenge: new Uint8Array(this.#ledger.chance.bytes(CHALLENGE_BYTES)),
      timeout: CHALLENGE_LIFETIME_MS,
      userVerification: 'required',
      ...(operator === undefined ? {} : { allowCredentials: this.listOf(operator.name).map(({ id }) => ({ id })) }),
    });
    this.#expect(options.challenge, { kind: 'log in' });
    return options;
  }

  /** Whose passkey has answered. */
  async check(response: AuthenticationResponseJSON): Promise<PasskeyAnswer> {
    const { host, origin } = this.#site();
    const { verifyAuthenticationResponse } = await library();
    const known = this.#find(response.id);
    const operator = known && this.#accounts.find(known.passkey.operator);
    if (known === undefined || operator === undefined) return { ok: false, says: WRONG };
    const name = operator.name;
    const verified = await verifyAuthenticationResponse({
      response,
      expectedChallenge: (challenge) => this.#take(challenge)?.kind === 'log in',
      expectedOrigin: origin,
      expectedRPID: host,
      // The counter is compared below, when the signature has shown that it is the authenticator's own.
      credential: { id: response.id, publicKey: new Uint8Array(known.publicKey), counter: 0 },
      requireUserVerification: true,
    }).catch(() => undefined);
    if (verified?.verified !== true) return { ok: false, says: WRONG, operator: name };
    const { userHandle } = response.response;
    const handle = Buffer.from(operator.handle).toString('base64url');
    if (userHandle !== undefined && userHandle !== '' && !isSameText(userHandle, handle)) {
      return { ok: false, says: WRONG, operator: name };
    }
    const { newCounter } = verified.authenticationInfo;
    if (!this.#advance(response.id, newCounter)) {
      const says = `The counter of the passkey "${known.passkey.label}" went back: there may be a copy of it. Take it away.`;
      return { ok: false, says, operator: name };
    }
    return { ok: true, operator };
  }

  /** The oldest first. */
  listOf(operator: string): Passkey[] {
    return this.#ledger.database
      .prepare('SELECT * FROM passkey WHERE operator = ? ORDER BY created_at_ms, id')
      .all(operator)
      .map(read);
  }

  /** False when the operator has none of this id. */
  remove(id: string, operator: string, author: Author): boolean {
    return this.#ledger.change(author, () => {
      const known = this.#find(id);
      if (known?.passkey.operator !== operator) return undefined;
      this.#ledger.database.prepare('DELETE FROM passkey WHERE id = ?').run(id);
      return { operator, what: 'passkey', says: `The passkey "${known.passkey.label}" was taken away.` };
    });
  }

  /** Authenticators that count go up each time; those that do not stay at 0 [WebAuthn 3, 6.1.1]. False when it did neither. */
  #advance(id: string, counter: number): boolean {
    return (
      this.#ledger.database
        .prepare(
          `UPDATE passkey SET counter = ?, last_used_at_ms = ?
           WHERE id = ? AND (counter < ? OR (counter = 0 AND ? = 0))`,
        )
        .run(counter, this.#ledger.clock.epochMs(), id, counter, counter).changes === 1
    );
  }

  #expect(challenge: string, purpose: Purpose): void {
    this.#challenges.set(challenge, { purpose, untilMs: this.#ledger.clock.nowMs() + CHALLENGE_LIFETIME_MS });
  }

  /** Each is good once, whatever comes of it. */
  #take(challenge: string): Purpose | undefined {
    const expected = this.#challenges.get(challenge);
    this.#challenges.delete(challenge);
    return expected !== undefined && this.#ledger.clock.nowMs() < expected.untilMs ? expected.purpose : undefined;
  }

  #find(id: string): { readonly passkey: Passkey; readonly publicKey: Uint8Array } | undefined {
    const row = this.#ledger.database.prepare('SELECT * FROM passkey WHERE id = ?').get(id);
    return row && { passkey: read(row), publicKey: row['public_key'] as Uint8Array };
  }

  /** @throws {OperatorError} where there is no name that a passkey could be bound to. */
  #site(): { readonly host: string; readonly origin: string } {
    if (this.publicUrl === undefined) {
      throw new OperatorError('Passkeys need control.operators.publicUrl: the https origin that browsers use.');
    }
    const { hostname, origin } = new URL(this.publicUrl);
    if (/^[\d.]+$|^\[/.test(hostname)) {
      throw new OperatorError(
        'Passkeys need a host name in control.operators.publicUrl; browsers bind none to an address.',
      );
    }
    return { host: hostname, origin };
  }
}

function read(row: Record<string, unknown>): Passkey {
  return Object.freeze({
    id: row['id'] as string,
    operator: row['operator'] as string,
    label: row['label'] as string,
    createdAtMs: row['created_at_ms'] as number,
    lastUsedAtMs: (row['last_used_at_ms'] as number | null) ?? undefined,
  });
}
