/** A client's connection over TCP or TLS. */
import type { Socket } from 'node:net';
import type { Accept, Downstream, DownstreamFacts } from '../pipeline/downstream.ts';
import type { ByteStreamDeps } from './byte-stream.ts';
import { SocketStream } from './socket-stream.ts';

export class SocketDownstream extends SocketStream implements Downstream {
  readonly facts: DownstreamFacts;

  /** `raw` is the accepted socket, which TLS may have been put over. */
  constructor(socket: Socket, facts: DownstreamFacts, deps: ByteStreamDeps, raw: Socket = socket) {
    super(socket, deps, raw);
    this.facts = facts;
  }

  /** Hands the connection over, with the bytes that were read while its first ones were looked at. */
  start(accept: Accept, first: Uint8Array): void {
    this.begin(() => accept(this));
    this.listen(first);
  }
}
