/** Asks a web service of the operator's who the client is. */
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import { Reason } from '../../mqtt/reason.ts';
import { AnswerCache } from './answer-cache.ts';
import { type BackendAnswer, denyTrouble } from './backend.ts';
import type { AuthenticationResult, Credentials, IdentityMethod } from './identity.ts';
import type { Author } from './password-login.ts';
import { reservedInUsername } from './reserved-characters.ts';
import { accept, deny } from './results.ts';
import { vouchedFor } from './vouched.ts';
import type { WebhookAnswer } from './webhook-answer.ts';

/** Body of the question, as JSON. Absent facts are null, so that a service sees every key each time. */
export interface WebhookQuestion {
  readonly clientId: string;
  readonly username: string | null;
  /** Null also where the bytes are no UTF-8; then they stand in `passwordBase64` alone. */
  readonly password: string | null;
  readonly passwordBase64: string | null;
  readonly address: string | null;
  readonly port: number | null;
  readonly listener: string | null;
  readonly secure: boolean;
  readonly certificate: {
    readonly fingerprint: string;
    readonly commonName: string | null;
    readonly subject: string;
    readonly serial: string;
  } | null;
}

export type AskWebhook = (question: WebhookQuestion) => Promise<BackendAnswer<WebhookAnswer>>;

export interface WebhookMethodOptions {
  /** What the configuration calls it; `webhook`. */
  readonly name?: string;
  readonly ask: AskWebhook;
  /** How long an allow and a deny are remembered; 0 is not at all. */
  readonly allowedForMs: number;
  readonly deniedForMs: number;
  readonly cachedMax: number;
  /** How long an identity is good for whose answer does not say. */
  readonly validForMs: number | undefined;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** An answer, and since when it holds: what it says of its own end counts from there. */
interface Remembered {
  readonly answer: WebhookAnswer;
  readonly answeredAtMs: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class WebhookMethod implements IdentityMethod {
  readonly name: string;
  readonly #options: WebhookMethodOptions;
  readonly #author: Author;
  readonly #cache: AnswerCache<Remembered>;

  constructor(options: WebhookMethodOptions) {
    const { name = 'webhook', cachedMax, clock, chance } = options;
    this.name = name;
    this.#options = options;
    this.#author = { method: name, by: name };
    this.#cache = new AnswerCache({ entriesMax: cachedMax, clock, chance });
  }

  authenticate(credentials: Credentials): Promise<AuthenticationResult | undefined> | undefined {
    const { username, password, certificate } = credentials;
    const showsNothing = username === undefined && password === undefined && certificate === undefined;
    return showsNothing ? undefined : this.#judge(credentials);
  }

  async #judge(credentials: Credentials): Promise<AuthenticationResult | undefined> {
    const key = this.#cache.keyOf(credentials);
    let remembered = this.#cache.get(key);
    if (remembered === undefined) {
      const asked = await this.#options.ask(questionOf(credentials));
      if (!asked.ok) return denyTrouble(this.#author, asked.trouble);
      remembered = { answer: asked.value, answeredAtMs: this.#options.clock.epochMs() };
      this.#cache.set(key, remembered, this.#lifeOf(asked.value));
    }
    return this.#conclude(credentials, remembered);
  }

  /** INVARIANT: nothing is remembered beyond the end that the answer itself sets. */
  #lifeOf({ result, expiresInS }: WebhookAnswer): number {
    const { allowedForMs, deniedForMs } = this.#options;
    return result === 'allow' ? Math.min(allowedForMs, (expiresInS ?? Number.POSITIVE_INFINITY) * 1000) : deniedForMs;
  }

  #conclude(credentials: Credentials, { answer, answeredAtMs }: Remembered): AuthenticationResult | undefined {
    const { result, roles, groups, attributes, limits, expiresInS } = answer;
    if (result === 'ignore') return undefined;
    if (result === 'deny') {
      return deny(Reason.BadUserNameOrPassword, this.name, 'The web service denies the login.', this.name);
    }
    const username = answer.username ?? credentials.username;
    if (username === undefined || username === '' || reservedInUsername(username) >= 0) {
      const says = 'The user name is missing, or has a wildcard, a slash or a control character in it.';
      return deny(Reason.BadUserNameOrPassword, 'identity:reserved-characters', says, this.name);
    }
    const { validForMs } = this.#options;
    const forMs = expiresInS === undefined ? validForMs : expiresInS * 1000;
    const expiresAtMs = forMs === undefined ? undefined : answeredAtMs + forMs;
    return accept(
      credentials,
      username,
      this.name,
      this.name,
      vouchedFor({ roles, groups, attributes, limits, expiresAtMs }),
    );
  }

  /** It cannot be asked without the secret; how long it is believed is in the answer. */
  stillValid(): boolean {
    return true;
  }
}

function questionOf({ clientId, username, password, certificate, origin }: Credentials): WebhookQuestion {
  return {
    clientId,
    username: username ?? null,
    password: password === undefined ? null : textOf(password),
    passwordBase64: password === undefined ? null : Buffer.from(password).toString('base64'),
    address: origin?.address ?? null,
    port: origin?.port ?? null,
    listener: origin?.listener ?? null,
    secure: origin?.secure ?? false,
    certificate:
      certificate === undefined
        ? null
        : {
            fingerprint: certificate.fingerprint,
            commonName: certificate.commonName ?? null,
            subject: certificate.subject,
            serial: certificate.serial,
          },
  };
}

function textOf(password: Uint8Array): string | null {
  try {
    return utf8.decode(password);
  } catch {
    return null;
  }
}
