/**
 * Single sign-on by OpenID Connect: the authorization code flow with PKCE, state and nonce. Who comes is known by issuer and subject,
 * and is what the groups say today, whatever they said before.
 */
import { createHash } from 'node:crypto';
import type { ClientAuth, Configuration, CustomFetch, IDToken } from 'openid-client';
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Chance } from '../../base/chance.ts';
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { printable } from '../../base/printable.ts';
import type { Config } from '../config/config.ts';
import { readSecret } from '../config/secret.ts';
import { ControlProblem } from '../control/problem-details.ts';
import { ROLES, type Role } from '../control/scope.ts';
import { readPlainText } from '../plain-file.ts';
import { isOperatorName, type Operator } from './accounts.ts';
import { ceilingTold } from './ceiling-told.ts';
import type { LoginOrigin, LoginOutcome, Logins } from './logins.ts';
import type { OperatorStore } from './operator-store.ts';
import { providerFetch } from './provider-fetch.ts';
import { hashOf, randomSecret } from './secret-text.ts';

export type SsoConfig = NonNullable<Config['control']['operators']['sso']>;

export interface SingleSignOnOptions {
  readonly config: SsoConfig;
  /** Origin at which browsers find us. */
  readonly publicUrl: string;
  readonly store: OperatorStore;
  readonly logins: Logins;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
}

export const CALLBACK_PATH = '/v1/login/sso/callback';

/** How long somebody may take at the provider. */
const LOGIN_LIFETIME_MS = 10 * 60_000;
const UNDER_WAY_MAX = 10_000;
/** What the provider says of itself is read anew after so long. */
const DISCOVERY_LIFETIME_MS = 60 * 60_000;
/** Clocks differ. */
const CLOCK_TOLERANCE_S = 30;
const SAYS_MAX_CHARACTERS = 300;

interface UnderWay {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly untilMs: number;
}

interface Discovered {
  readonly configuration: Configuration;
  readonly atMs: number;
}

/** The library is some hundred kilobytes, for those who use it. */
const library = () => import('openid-client');

export class SingleSignOn {
  readonly #options: SingleSignOnOptions;
  /** By the hash of the secret in the browser's cookie: whoever begins is who comes back. */
  readonly #underWay: BoundedMap<string, UnderWay>;
  #discovered: Discovered | undefined;
  #isFailing = false;

  constructor(options: SingleSignOnOptions) {
    this.#options = options;
    this.#underWay = new BoundedMap({
      entriesMax: UNDER_WAY_MAX,
      onEvict: ceilingTold(options, {
        ceiling: 'operatorSsoUnderWayMax',
        limit: UNDER_WAY_MAX,
        says: 'More logins are under way at the provider of single sign-on than are remembered; the oldest have to begin anew.',
      }),
    });
  }

  /**
   * Where to send the browser, and the secret that its cookie has to bring back. `isAgain` asks the provider to let nobody through
   * whom it only remembers; whether it has asked is told by its `auth_time` alone, since a browser can change the request.
   * @throws {ControlProblem} when the provider cannot be asked.
   */
  async begin(isAgain: boolean): Promise<{ readonly url: string; readonly secret: string }> {
    const { config, publicUrl, chance, clock } = this.#options;
    const configuration = await this.#provider();
    const { buildAuthorizationUrl, calculatePKCECodeChallenge } = await library();
    const [state, nonce, verifier, secret] = Array.from({ length: 4 }, () => randomSecret(chance)) as [
      string,
      string,
      string,
      string,
    ];
    const url = buildAuthorizationUrl(configuration, {
      redirect_uri: publicUrl + CALLBACK_PATH,
      response_type: 'code',
      scope: ['openid', ...config.scopes].join(' '),
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      // With it the provider says when it has asked; what is older than a session may be it asks again.
      max_age: isAgain ? '0' : String(Math.floor(this.#options.store.sessions.options.lifetimeMs / 1000)),
      ...(isAgain ? { prompt: 'login' } : {}),
    });
    const untilMs = clock.nowMs() + LOGIN_LIFETIME_MS;
    this.#underWay.set(keyOf(secret), { state, nonce, verifier, untilMs });
    return { url: url.href, secret };
  }

  /** The browser is back, with what the provider has put behind the address. Each begin is good for one. */
  async finish(query: URLSearchParams, secret: string | undefined, origin: LoginOrigin): Promise<LoginOutcome> {
    const begun = secret === undefined ? undefined : this.#underWay.get(keyOf(secret));
    if (secret !== undefined) this.#underWay.delete(keyOf(secret));
    if (begun === undefined || this.#options.clock.nowMs() >= begun.untilMs) {
      return this.#refuse('This login was not begun in this browser, or too long ago: begin anew.', undefined, origin);
    }
    let identity: { claims: IDToken; groups: readonly string[] };
    try {
      identity = await this.#exchange(query, begun);
    } catch (error) {
      return this.#refuse(`The provider's answer is refused: ${sentenceOf(error)}.`, undefined, origin);
    }
    return this.#admit(identity.claims, identity.groups, origin);
  }

  /** The library holds issuer, audience, signature, nonce, state and times of what comes against what was asked for. */
  async #exchange(query: URLSearchParams, begun: UnderWay): Promise<{ claims: IDToken; groups: readonly string[] }> {
    const { publicUrl, config } = this.#options;
    const configuration = await this.#provider();
    const { authorizationCodeGrant, fetchUserInfo } = await library();
    const address = new URL(publicUrl + CALLBACK_PATH);
    address.search = query.toString();
    const tokens = await authorizationCodeGrant(configuration, address, {
      pkceCodeVerifier: begun.verifier,
      expectedState: begun.state,
      expectedNonce: begun.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new Error('it brings no ID token');
    const isTold = claims[config.groupsClaim] !== undefined && claims[config.nameClaim] !== undefined;
    if (isTold || configuration.serverMetadata().userinfo_endpoint === undefined) {
      return { claims, groups: groupsIn(claims[config.groupsClaim]) };
    }
    // Many providers put into the ID token who it is, and what is more where one asks for it.
    const more = await fetchUserInfo(configuration, tokens.access_token, claims.sub);
    const whole = { ...more, ...claims } as IDToken;
    return { claims: whole, groups: groupsIn(whole[config.groupsClaim]) };
  }

  #admit(claims: IDToken, groups: readonly string[], origin: LoginOrigin): LoginOutcome {
    const { store, logins } = this.#options;
    const { iss, sub } = claims;
    const author = { by: `sso:${iss}`, from: origin.address };
    const known = store.accounts.findBySubject(iss, sub);
    const role = this.#roleOf(groups);
    if (role === undefined) {
      if (known !== undefined) {
        store.sessions.endAllOf(known.name, author);
        store.tokens.revokeAllOf(known.name, author);
      }
      return this.#refuse('None of your groups at the provider brings a role here: ask an admin.', known?.name, origin);
    }
    if (known?.isDisabled === true) return this.#refuse('The account is disabled.', known.name, origin);
    if (known !== undefined) {
      if (known.role !== role) {
        const scopes = known.scopes === 'all' ? undefined : [...known.scopes];
        store.accounts.setRole(known.name, role, scopes, author, { mayBeLastAdmin: true });
      }
      return this.#open(known.name, claims, origin);
    }
    const name = this.#nameOf(claims);
    if (!store.accounts.add({ name, role, sso: { issuer: iss, subject: sub } }, author)) {
      return this.#refuse(`There is another operator of the name ${name}: ask an admin to remove one.`, name, origin);
    }
    return logins.enabled(name) === undefined
      ? this.#refuse('The account is disabled.', name, origin)
      : this.#open(name, claims, origin);
  }

  #open(name: string, { auth_time: provenAtS }: IDToken, origin: LoginOrigin): LoginOutcome {
    const operator = this.#options.store.accounts.find(name) as Operator;
    return this.#options.logins.open(operator, 'sso', origin, this.#provenAtMs(provenAtS));
  }

  /** When the provider has asked. Where it does not say, or says what cannot be, it may have been days ago. */
  #provenAtMs(provenAtS: number | undefined): number {
    const nowMs = this.#options.clock.epochMs();
    const saidMs = typeof provenAtS === 'number' ? provenAtS * 1000 : 0;
    return saidMs <= nowMs + CLOCK_TOLERANCE_S * 1000 ? Math.min(saidMs, nowMs) : 0;
  }

  /** The highest that a group brings. */
  #roleOf(groups: readonly string[]): Role | undefined {
    const mine = new Set(groups);
    const brought = new Set(this.#options.config.roles.filter(({ group }) => mine.has(group)).map(({ role }) => role));
    return ROLES.findLast((role) => brought.has(role));
  }

  #nameOf(claims: IDToken): string {
    const given = claims[this.#options.config.nameClaim];
    const name = typeof given === 'string' ? given.toLowerCase() : '';
    if (isOperatorName(name)) return name;
    return `sso-${createHash('sha256').update(`${claims.iss}\0${claims.sub}`).digest('hex').slice(0, 16)}`;
  }

  #refuse(says: string, operator: string | undefined, origin: LoginOrigin): LoginOutcome {
    this.#options.logins.fail(says, operator, 'sso', origin);
    return { kind: 'refused', says };
  }

  /** @throws {ControlProblem} when it cannot be asked. */
  async #provider(): Promise<Configuration> {
    const { clock, config, emit } = this.#options;
    const backend = `sso:${config.issuer}`;
    if (this.#discovered !== undefined && clock.nowMs() - this.#discovered.atMs < DISCOVERY_LIFETIME_MS) {
      return this.#discovered.configuration;
    }
    try {
      const configuration = await this.#discover();
      this.#discovered = { configuration, atMs: clock.nowMs() };
      if (this.#isFailing) emit({ name: 'backend.recovered', backend });
      this.#isFailing = false;
      return configuration;
    } catch (error) {
      const says = sentenceOf(error);
      if (!this.#isFailing) emit({ name: 'backend.failed', backend, says });
      this.#isFailing = true;
      throw new ControlProblem('unavailable', `The provider of single sign-on cannot be asked: ${says}.`);
    }
  }

  async #discover(): Promise<Configuration> {
    const { config, clock } = this.#options;
    const { clockTolerance, customFetch, discovery, enableNonRepudiationChecks, None } = await library();
    const ca = config.ca === undefined ? undefined : await readPlainText(config.ca);
    const ask = providerFetch({ ca, clock });
    const secret = config.clientSecret === undefined ? undefined : await readSecret(config.clientSecret, process.env);
    const authentication = secret === undefined ? None() : await secretAuthentication(secret);
    return discovery(new URL(config.issuer), config.clientId, { [clockTolerance]: CLOCK_TOLERANCE_S }, authentication, {
      [customFetch]: ask as CustomFetch,
      // TLS alone would do for a token that comes from the provider itself; its signature holds where TLS ends earlier.
      execute: [enableNonRepudiationChecks],
    });
  }
}

/** As the provider takes it: the standard's own way, or in the body where it says that it takes nothing else. */
async function secretAuthentication(secret: string): Promise<ClientAuth> {
  const { ClientSecretBasic, ClientSecretPost } = await library();
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported;
    const isPost =
      methods !== undefined && !methods.includes('client_secret_basic') && methods.includes('client_secret_post');
    (isPost ? ClientSecretPost(secret) : ClientSecretBasic(secret))(server, client, body, headers);
  };
}

/** A list of texts, or one; whatever else is in it counts for nothing. */
function groupsIn(claim: unknown): string[] {
  const all: unknown[] = Array.isArray(claim) ? claim : [claim];
  return all.filter((group): group is string => typeof group === 'string');
}

function keyOf(secret: string): string {
  return hashOf(secret).toString('base64url');
}

/** What the provider has to say may be long, and is foreign. */
function sentenceOf(error: unknown): string {
  const { message, error_description: described, cause } = error as Error & { error_description?: unknown };
  const inner = cause instanceof Error ? `${message} (${cause.message})` : message;
  const says = typeof described === 'string' ? `${inner}: ${described}` : inner;
  return printable(says.replace(/\.$/, '')).slice(0, SAYS_MAX_CHARACTERS);
}
