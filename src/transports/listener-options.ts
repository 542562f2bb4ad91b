/** What a listener is told: its options, and the settings they become once they are checked and defaults are filled in. */
import { NetworkSet, NetworkSyntaxError } from '../base/ip-address.ts';
import type { PskFile } from '../policy/identity/psk-file.ts';
import { ListenerError } from './listener-error.ts';

export type ListenerType = 'tcp' | 'tls' | 'ws' | 'wss';

export interface ProxyProtocolOptions {
  /** Which versions of the header are read; `off` reads none. */
  mode: 'off' | 'v1' | 'v2' | 'any';
  /** Networks whose connections must start with the header; all others are refused. */
  trusted: readonly string[];
}

export interface WebSocketOptions {
  /** Request path of the upgrade. Default `/mqtt`. */
  path?: string;
  /**
   * Origins, such as `https://console.example.org`, whose pages may connect; `*` allows all. Default none: only clients that
   * send no Origin, which browsers always do.
   */
  origins?: readonly string[];
}

export interface CertificateOptions {
  /** The server's certificate, followed by those between it and the root. */
  certificatePem: string;
  keyPem: string;
  /** Where they were read, for messages. */
  certificateFile: string;
  keyFile: string;
  /** For an encrypted key. */
  passphrase?: string;
}

/** Pre-shared keys in place of certificates. */
export interface PskOptions {
  readonly file: PskFile;
  /** What TLS 1.2 tells clients that have several identities. */
  readonly identityHint: string | undefined;
}

export interface TlsOptions {
  /** With it, there are no certificates on either side. */
  psk?: PskOptions;
  /** The first is shown to clients that name no host, or an unknown one. */
  certificates: readonly CertificateOptions[];
  /** Default `TLSv1.2`. */
  versionMin?: 'TLSv1.2' | 'TLSv1.3';
  /**
   * Whether clients are asked for a certificate. With `request` one may come without, but a certificate that is shown must be
   * good. Default `none`.
   */
  clientCertificate?: 'none' | 'request' | 'require';
  /** Authorities that may sign client certificates. */
  clientCaPem?: string;
  clientCaFile?: string;
  /** Whether clients that ask for it are shown what an OCSP responder says of our certificate. Default false. */
  ocspStapling?: boolean;
  /** How often the key that seals session tickets changes. Default 8 h. */
  ticketRotationMs?: number;
}

export interface ListenerOptions {
  name: string;
  /** File and line that describe it, for errors. */
  place?: string;
  type: ListenerType;
  /** An address (`::` is all of both families) or a host name. */
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Sockets at once, those in a handshake included. Default 10,000. */
  connectionsMax?: number;
  /** From accept to the first byte of MQTT, with everything that stands before it. Default 10 s. */
  handshakeTimeoutMs?: number;
  /** How long an orderly close may take. Default 2 s. */
  closeGraceMs?: number;
  proxyProtocol?: ProxyProtocolOptions;
  /** For `tls` and `wss`. */
  tls?: TlsOptions;
  /** For `ws` and `wss`. */
  webSocket?: WebSocketOptions;
}

/** Checked, complete, and never changed: an update swaps the whole. */
export interface ListenerSettings {
  readonly connectionsMax: number;
  readonly handshakeTimeoutMs: number;
  readonly closeGraceMs: number;
  readonly proxyMode: ProxyProtocolOptions['mode'];
  readonly proxyTrusted: NetworkSet;
  readonly path: string;
  /** Lower case. */
  readonly origins: ReadonlySet<string>;
}

/** Fills in the defaults and checks what stands by itself. Throws `ListenerError`. */
export function settle(options: ListenerOptions): ListenerSettings {
  const { name, type, proxyProtocol, webSocket } = options;
  const bad = (says: string, cause?: unknown): ListenerError =>
    new ListenerError('settings_invalid', name, says, cause);
  if ((type === 'tls' || type === 'wss') && options.tls === undefined) {
    throw bad(`type ${type} needs a certificate and a key; name them, or use type ${type === 'tls' ? 'tcp' : 'ws'}`);
  }
  const path = webSocket?.path ?? '/mqtt';
  if (!path.startsWith('/')) throw bad(`the WebSocket path '${path}' must start with '/'`);
  const origins = new Set<string>();
  for (const origin of webSocket?.origins ?? []) {
    if (origin !== '*' && !/^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(origin)) {
      throw bad(`the origin '${origin}' must be scheme, host and port alone, such as https://console.example.org`);
    }
    origins.add(origin.toLowerCase());
  }
  const proxyMode = proxyProtocol?.mode ?? 'off';
  let proxyTrusted: NetworkSet;
  try {
    proxyTrusted = new NetworkSet(proxyProtocol?.trusted ?? []);
  } catch (error) {
    if (error instanceof NetworkSyntaxError) throw bad(`in the trusted networks, ${error.message}`, error);
    throw error;
  }
  if (proxyMode !== 'off' && proxyTrusted.size === 0) {
    throw bad(
      'the PROXY protocol is on with no trusted network, which refuses everybody; name the networks of the proxies',
    );
  }
  return {
    connectionsMax: options.connectionsMax ?? 10_000,
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 10_000,
    closeGraceMs: options.closeGraceMs ?? 2_000,
    proxyMode,
    proxyTrusted,
    path,
    origins,
  };
}
