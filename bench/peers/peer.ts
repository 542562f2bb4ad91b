/** What is measured: a program that listens for MQTT on a loopback port, plain or with TLS. */
import type { Target } from '../load/plan.ts';
import { familyOf } from '../processes.ts';

export interface Peer {
  readonly port: number;
  /** Absent where it does not do TLS, or nobody asks for it. */
  readonly tlsPort?: number;
  readonly username?: string;
  readonly password?: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ServerCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Where a peer may put its files, what it shows to TLS clients, and whom it stands before. */
export interface PeerPlace {
  readonly directory: string;
  readonly certificate: ServerCertificate;
  /** The port of the broker behind, on loopback. */
  readonly behind?: number;
}

/** A program that this machine has not, or an ability that a program has not. */
export class NotHere extends Error {}

export function targetOf(peer: Peer, tls: boolean): Target {
  const port = tls ? peer.tlsPort : peer.port;
  if (port === undefined) throw new NotHere('no TLS listener');
  return {
    host: '127.0.0.1',
    port,
    tls,
    pids: familyOf(peer.pid),
    ...(peer.username === undefined ? {} : { username: peer.username, password: peer.password ?? '' }),
  };
}
