/** A client's connection over WebSocket; secure or not is the socket's business underneath. */
import type { WebSocket } from 'ws';
import type { Accept, Downstream, DownstreamFacts } from '../pipeline/downstream.ts';
import type { ByteStreamDeps } from './byte-stream.ts';
import type { HalfOpenPlace } from './half-open.ts';
import type { Accepted } from './socket-downstream.ts';
import { WebSocketStream } from './websocket-stream.ts';

export class WebSocketDownstream extends WebSocketStream implements Downstream {
  readonly facts: DownstreamFacts;
  /** Until it is established. */
  place: HalfOpenPlace | undefined;

  constructor(socket: WebSocket, facts: DownstreamFacts, deps: ByteStreamDeps, { raw, place }: Accepted) {
    super(socket, deps, raw);
    this.facts = facts;
    this.place = place;
  }

  keeps(bytes: number): void {
    this.place?.keeps(bytes);
  }

  established(): void {
    this.place?.leave();
    this.place = undefined;
  }

  start(accept: Accept): void {
    this.begin(() => accept(this));
  }
}
