/**
 * Establishes who the client is: by what its CONNECT shows, or in an exchange of AUTH packets [MQTT5 4.12]; and on an open
 * connection anew, while traffic goes on [MQTT5 4.12.1].
 *
 * INVARIANT: whose turn it is, and that the method never changes, `PacketOrder` has judged before a packet comes here.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import { type TurnShare, turnShare } from '../base/turn-share.ts';
import type { AuthPacket, ConnectPacket } from '../mqtt/packet.ts';
import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import { Reason } from '../mqtt/reason.ts';
import { PacketType } from '../mqtt/wire.ts';
import type { CertificateObjection } from '../policy/identity/certificate-guard.ts';
import type { AuthenticationResult, Credentials, EnhancedExchange } from '../policy/identity/identity.ts';
import { authenticate, credentialsOf, deniedInside, standingOf } from './checks/authenticate.ts';
import { stillAdmitted } from './checks/authentication-rate.ts';
import { admitCertificate, certificateObjection, tellRevoked } from './checks/certificate.ts';
import type { Client } from './client.ts';
import type { ConnectionPolicy } from './policy.ts';
import { type Denial, refuse } from './verdict.ts';

export interface AuthenticationTarget {
  /** An AUTH for the client; false when it is larger than the client takes. */
  sendAuth(packet: AuthPacket): boolean;
  /** The client's identity stands, or why not [MQTT-4.12.0-4]. */
  onAuthenticated(denial: Denial | undefined): void;
  /** The same, of an authentication on the open connection, which a denial ends [MQTT-4.12.1-2]. */
  onRenewed(denial: Denial | undefined): void;
}

export interface AuthenticationServices {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Of which those who log in have their part; that of the process. */
  readonly share?: TurnShare;
}

/** Packets of one exchange from the client; SCRAM needs two or three. */
const ROUNDS_MAX = 8;

const NO_SUCH_METHOD = denial(
  Reason.BadAuthenticationMethod,
  'authentication:method',
  'this listener does not offer that authentication method',
);
const TOO_MANY_ROUNDS = denial(
  Reason.NotAuthorized,
  'limit:authenticationRoundsMax',
  'the authentication took too many packets',
);
const ANSWER_TOO_LARGE = denial(
  Reason.PacketTooLarge,
  'client:maximumPacketSize',
  'the authentication needs larger packets than the client takes',
);
const TOO_LATE = denial(Reason.NotAuthorized, 'limit:connectTimeout', 'authentication took too long');
const OTHER_USER = denial(
  Reason.NotAuthorized,
  'identity:username',
  'the session was authenticated anew as somebody else',
);
const OVERTAKEN = denial(Reason.NotAuthorized, 'policy:identity', 'the policy changed during the authentication');

export class Authentication {
  readonly #client: Client;
  readonly #services: AuthenticationServices;
  readonly #target: AuthenticationTarget;
  #method = '';
  #exchange: EnhancedExchange | undefined;
  #rounds = 0;
  #isRenewal = false;
  #deadline: Timer | undefined;
  #awaitsClient = false;
  #closing: Properties = NO_PROPERTIES;
  /** Counts up when one ends or is given up: what a slow method still says of it is not heard. */
  #attempt = 0;
  /** Under which the attempt began. */
  #policy: ConnectionPolicy;

  constructor(client: Client, services: AuthenticationServices, target: AuthenticationTarget) {
    this.#client = client;
    this.#policy = client.policy;
    this.#services = services;
    this.#target = target;
  }

  /** Whether the client's AUTH is due. */
  get awaitsClient(): boolean {
    return this.#awaitsClient;
  }

  /** Whether it is one of AUTH packets, which the client may begin anew. */
  get isExchange(): boolean {
    return this.#method !== '';
  }

  /** What CONNACK carries of the exchange [MQTT-4.12.0-5]. */
  get closing(): Properties {
    return this.#closing;
  }

  /** Begins with the CONNECT. Its deadline is the caller's. */
  begin(packet: ConnectPacket): void {
    this.#policy = this.#client.policy;
    const admission = admitCertificate(this.#client);
    if (admission === undefined) {
      this.#prove(packet);
      return;
    }
    const attempt = this.#attempt;
    void admission.then((objection) => {
      if (attempt !== this.#attempt) return;
      if (objection !== undefined) this.#end(this.#objected(objection));
      else this.#prove(packet);
    });
  }

  #objected(objection: CertificateObjection): AuthenticationResult {
    tellRevoked(this.#client, objection, this.#services.emit);
    const { reason, by, says } = objection;
    return { ok: false, reason, by, says, method: 'certificate' };
  }

  #prove(packet: ConnectPacket): void {
    const attempt = this.#attempt;
    const credentials = { ...credentialsOf(this.#client, packet), isAwaited: () => this.#isAwaited(attempt) };
    const { authenticationMethod, authenticationData } = packet.properties;
    if (authenticationMethod === undefined) {
      void authenticate(this.#policy.authenticator, credentials).then((result) => {
        // A server behind is dialled now, or somebody is told: a crowd takes turns.
        (this.#services.share ?? turnShare).run(() => {
          if (attempt === this.#attempt) this.#end(result);
        });
      });
      return;
    }
    this.#method = authenticationMethod;
    this.#start(credentials, authenticationData);
  }

  /** Whether what is costly is still to be done for an attempt, which may be refused by now. */
  #isAwaited(attempt: number): boolean {
    if (attempt !== this.#attempt || this.#client.isCondemned) return false;
    const denial = stillAdmitted(this.#client, this.#client.clientId ?? '');
    if (denial === undefined) return true;
    this.cancel();
    this.#target.onAuthenticated(denial);
    return false;
  }

  /** The client's AUTH. */
  take(packet: AuthPacket): void {
    const { authenticationData } = packet.properties;
    if (packet.reasonCode !== Reason.ReAuthenticate) {
      void this.#step(authenticationData);
      return;
    }
    const { clientId = '', identity, policy } = this.#client;
    this.#isRenewal = true;
    this.#policy = policy;
    this.#deadline = this.#services.clock.after(policy.limits.connectTimeoutMs, () => this.#end(TOO_LATE));
    const credentials = credentialsOf(this.#client, { clientId, properties: packet.properties });
    this.#start({ ...credentials, username: identity?.username }, authenticationData);
  }

  #start(credentials: Credentials, data: Uint8Array | undefined): void {
    this.#rounds = 0;
    this.#exchange = this.#policy.authenticator.begin(this.#method, credentials);
    // [MQTT-4.12.0-1]; on an open connection a reload may have taken the method away.
    if (this.#exchange === undefined) this.#end(NO_SUCH_METHOD);
    else void this.#step(data);
  }

  /** `data` is borrowed until the first wait. */
  async #step(data: Uint8Array | undefined): Promise<void> {
    const exchange = this.#exchange;
    const attempt = this.#attempt;
    if (exchange === undefined) return;
    this.#awaitsClient = false;
    this.#rounds++;
    if (this.#rounds > ROUNDS_MAX) {
      this.#end(TOO_MANY_ROUNDS);
      return;
    }
    const step = await exchange.step(data).catch(failedInside);
    if (attempt !== this.#attempt) return;
    if (step === undefined) this.#end(NO_SUCH_METHOD);
    else if (step.kind === 'done') this.#end(step.result, step.data);
    // [MQTT-4.12.0-2]
    else if (this.#target.sendAuth(this.#packet(Reason.ContinueAuthentication, step.data))) this.#awaitsClient = true;
    else this.#end(ANSWER_TOO_LARGE);
  }

  #end(result: AuthenticationResult, data?: Uint8Array): void {
    const isRenewal = this.#isRenewal;
    this.cancel();
    const denied = this.#adopt(this.#inForce(result), isRenewal);
    if (!isRenewal) {
      if (denied === undefined && this.#method !== '') this.#closing = this.#properties(data);
      this.#target.onAuthenticated(denied);
    } else if (denied === undefined && !this.#target.sendAuth(this.#packet(Reason.Success, data))) {
      this.#target.onRenewed(this.#adopt(ANSWER_TOO_LARGE, isRenewal));
    } else {
      this.#target.onRenewed(denied);
    }
  }

  #adopt(result: AuthenticationResult, isRenewal: boolean): Denial | undefined {
    const client = this.#client;
    const { emit } = this.#services;
    if (result.ok && isRenewal && result.identity.username !== client.identity?.username) {
      return this.#adopt(OTHER_USER, isRenewal);
    }
    if (!result.ok) {
      const { by, says, method } = result;
      const reason = isRenewal ? disconnectReason(result.reason) : result.reason;
      emit({ name: 'authentication.failed', ...client.facts(), method, reason, by, says });
      return refuse(reason, by, says);
    }
    client.identity = result.identity;
    client.username = result.identity.username;
    const { method, roles, groups } = result.identity;
    emit({
      name: 'authentication.succeeded',
      ...client.facts(),
      method,
      ...(roles === undefined ? {} : { roles }),
      ...(groups === undefined ? {} : { groups }),
    });
    return undefined;
  }

  /** A reload may have overtaken a slow method, which then has proven what no longer counts. */
  #inForce(result: AuthenticationResult): AuthenticationResult {
    const { policy } = this.#client;
    if (!result.ok) return result;
    // The certificate may have been revoked while a slow method thought about the rest.
    const objection = certificateObjection(this.#client);
    if (objection !== undefined) return this.#objected(objection);
    if (policy === this.#policy) return result;
    return policy.authenticator.stillValid(result.identity, standingOf(this.#client)) ? result : OVERTAKEN;
  }

  #packet(reasonCode: number, data: Uint8Array | undefined): AuthPacket {
    return { type: PacketType.Auth, reasonCode, properties: this.#properties(data) };
  }

  #properties(data: Uint8Array | undefined): Properties {
    const properties: Properties = { authenticationMethod: this.#method };
    return data === undefined ? properties : { ...properties, authenticationData: data };
  }

  /** Gives up what is under way. */
  cancel(): void {
    this.#attempt++;
    this.#exchange = undefined;
    this.#awaitsClient = false;
    this.#isRenewal = false;
    this.#deadline?.cancel();
    this.#deadline = undefined;
  }
}

function denial(reason: number, by: string, says: string): AuthenticationResult {
  return Object.freeze({ ok: false, reason, by, says, method: 'enhanced' });
}

/** DISCONNECT, which ends an open connection, has no code for bad credentials or for what is not available. */
function disconnectReason(reason: number): number {
  if (reason === Reason.BadUserNameOrPassword) return Reason.NotAuthorized;
  return reason === Reason.ServerUnavailable ? Reason.ServerBusy : reason;
}

function failedInside(error: unknown): { kind: 'done'; result: AuthenticationResult; data?: Uint8Array } {
  return { kind: 'done', result: deniedInside(error) };
}
