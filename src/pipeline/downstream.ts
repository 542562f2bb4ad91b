/** The contract between one client's connection and the socket that carries it (tcp, tls, ws or wss alike). */
import type { ByteBatch } from '../base/byte-batch.ts';
import type { ConnectionFacts } from '../base/events.ts';
import type { CertificateFacts, PresharedKeyFacts } from '../policy/identity/identity.ts';

/** What the transport knows when the connection is handed over. */
export interface DownstreamFacts extends Pick<ConnectionFacts, 'connectionId' | 'listener' | 'address' | 'port'> {
  /** True for TLS and secure WebSocket. */
  readonly secure: boolean;
  /** The client certificate that TLS has verified, where one was shown. */
  readonly certificate?: CertificateFacts;
  /** On a listener of pre-shared keys, the one that TLS was agreed on with. */
  readonly presharedKey?: PresharedKeyFacts;
  /** Where the client reached us, for those who are told of it. */
  readonly localAddress?: string;
  readonly localPort?: number;
  /** Such as `TLSv1.3`, and the cipher suite's name. */
  readonly tlsVersion?: string;
  readonly tlsCipher?: string;
}

/** The client's socket. No method throws, also after the socket has gone. */
export interface Downstream {
  readonly facts: DownstreamFacts;
  /** What goes out with the next flush. Writers append to it and call `touch`. */
  readonly batch: ByteBatch;
  /** Says that `batch` has content: it is written in one piece at the end of the tick. */
  touch(): void;
  /** Bytes that the kernel has not taken yet, without what is in `batch`. */
  bufferedBytes(): number;
  /** Bytes that the kernel has taken so far, of all that was written; undefined where nobody can tell. */
  takenBytes(): number | undefined;
  /** Stops and resumes reading from the client: TCP backpressure. */
  pause(): void;
  resume(): void;
  /** Writes what is left in `batch`, closes in order, and destroys after a bounded grace. */
  end(): void;
  /** The client has its CONNACK: from now on it is no stranger, and is counted among those no longer. */
  established(): void;
  /** Bytes that are kept of a client which is a stranger yet, in all; those of all strangers together are bounded. */
  keeps?(bytes: number): void;
  /** Closes at once; what is unsent is lost. */
  destroy(): void;
}

/** Why the socket went away, as far as the transport can tell. */
export interface DownstreamEnd {
  /** `peer` closed it, it broke (`error`), or `us`: `end` or `destroy` was called. */
  readonly by: 'peer' | 'error' | 'us';
  /** Such as `ECONNRESET`; empty for an orderly close. */
  readonly says: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What a connection does with what its socket tells. No method throws. */
export interface DownstreamHandler {
  /** `buffer[0..size)` as it came, borrowed until this returns; behind it may stand anything. */
  onBytes(buffer: Uint8Array, size: number): void;
  /** The kernel did not take all that was written, for now; `onDrain` follows when it has. */
  onBlocked?(): void;
  /** Buffered output has gone down to nothing. */
  onDrain(): void;
  /** Last call, exactly once. */
  onClosed(end: DownstreamEnd): void;
}

/** Called by a listener for each connection that passed its accept checks and its handshakes. */
export type Accept = (downstream: Downstream) => DownstreamHandler;
