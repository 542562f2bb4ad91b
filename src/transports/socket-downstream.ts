/** A client's connection over TCP or TLS. */
import type { Socket } from 'node:net';
import type { Accept, Downstream, DownstreamFacts } from '../pipeline/downstream.ts';
import type { ByteStreamDeps } from './byte-stream.ts';
import { readWidely } from './direct-socket.ts';
import type { HalfOpenPlace } from './half-open.ts';
import { SocketStream } from './socket-stream.ts';

/** What is left of the greeting. */
export interface Accepted {
  /** The accepted socket, which TLS may have been put over. */
  readonly raw: Socket;
  readonly place: HalfOpenPlace;
}

export class SocketDownstream extends SocketStream implements Downstream {
  readonly facts: DownstreamFacts;
  readonly #socket: Socket;
  /** Until it is established. */
  place: HalfOpenPlace | undefined;

  constructor(socket: Socket, facts: DownstreamFacts, deps: ByteStreamDeps, accepted?: Accepted) {
    super(socket, deps, accepted?.raw);
    this.facts = facts;
    this.#socket = socket;
    this.place = accepted?.place;
  }

  keeps(bytes: number): void {
    this.place?.keeps(bytes);
  }

  established(): void {
    this.place?.leave();
    this.place = undefined;
    readWidely(this.#socket);
  }

  /** Hands the connection over, with the bytes that were read while its first ones were looked at. */
  start(accept: Accept, first: Uint8Array): void {
    this.begin(() => accept(this));
    this.listen(first);
  }
}
