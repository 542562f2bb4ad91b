/** A client's connection over WebSocket; secure or not is the socket's business underneath. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Accept, Downstream, DownstreamFacts } from '../pipeline/downstream.ts';
import type { ByteStreamDeps } from './byte-stream.ts';
import { WebSocketStream } from './websocket-stream.ts';

export class WebSocketDownstream extends WebSocketStream implements Downstream {
  readonly facts: DownstreamFacts;

  /** `raw` is the accepted socket underneath. */
  constructor(socket: WebSocket, facts: DownstreamFacts, deps: ByteStreamDeps, raw: Socket) {
    super(socket, deps, raw);
    this.facts = facts;
  }

  start(accept: Accept): void {
    this.begin(() => accept(this));
  }
}
