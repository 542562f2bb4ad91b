/** What an upstream is told: checked, complete, and never changed; a reload swaps the whole. */
import type { UpstreamCredentials } from './credentials.ts';

/** `unix` is MQTT over a local socket, whose path stands where the host does: how processes of one gateway speak. */
export type UpstreamScheme = 'mqtt' | 'mqtts' | 'ws' | 'wss' | 'unix';
export type Balance = 'least-connections' | 'round-robin' | 'client-id';

export interface TargetTls {
  /** Authorities to trust instead of those that the runtime brings. */
  readonly caPem?: string;
  readonly certificatePem?: string;
  readonly keyPem?: string;
  readonly passphrase?: string;
  /** Name to ask for and to find in the certificate; without it the host of the URL. */
  readonly serverName?: string;
  /** SHA-256 of the certificates that are accepted, lower-case hex; empty: any that is trusted. */
  readonly pinsSha256: readonly string[];
}

export interface TargetOptions {
  /** As configured; it is the target's name in events and commands. */
  readonly url: string;
  readonly scheme: UpstreamScheme;
  readonly host: string;
  readonly port: number;
  /** Of the WebSocket. */
  readonly path: string;
  /** Share of the clients, against the other targets' weights. */
  readonly weight: number;
  /** For mqtts and wss. */
  readonly tls?: TargetTls;
}

export interface HealthCheckOptions {
  /** 0: none are made. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
}

export interface EjectionOptions {
  /** Connection attempts that fail one after another; 0 never ejects for them. */
  readonly consecutiveFailuresMax: number;
  /** Share of failed attempts in a window, in percent; 100 or more never ejects for it. */
  readonly failureShareMaxPercent: number;
  readonly windowMs: number;
  /** Attempts in a window below which their share says nothing. */
  readonly attemptsMin: number;
  /** The first ejection; each further one doubles it. */
  readonly durationMs: number;
  readonly durationMaxMs: number;
}

export interface UpstreamOptions {
  readonly name: string;
  readonly balance: Balance;
  readonly targets: readonly TargetOptions[];
  /** From the first SYN to CONNACK, for each target that is tried. */
  readonly connectTimeoutMs: number;
  readonly healthCheck: HealthCheckOptions;
  readonly ejection: EjectionOptions;
  /** How long a target that came back takes until it has its whole share. */
  readonly slowStartMs: number;
  readonly credentials: UpstreamCredentials;
  /** Stands before each client identifier; `%u` is the user, `%l` the listener. */
  readonly clientIdPrefix: string;
  readonly proxyProtocol: 'off' | 'v2';
  /** `auto` refuses MQTT 5 clients only where the broker does not speak it, `refuse` always, `translate` serves them all the same. */
  readonly mqtt5: 'auto' | 'refuse' | 'translate';
  /** Bytes that wait for the broker before a client is no longer read. */
  readonly bufferMaxBytes: number;
  /** Largest packet that the broker may send. */
  readonly packetSizeMaxBytes: number;
  /** Clients connected at once, of all targets together. */
  readonly clientsMax: number;
}
