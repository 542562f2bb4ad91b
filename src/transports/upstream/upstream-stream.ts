/** A broker's connection as a byte stream, over TCP, TLS or WebSocket. */
import type { ByteStream, ByteStreamOwner } from '../byte-stream.ts';
import { SocketStream } from '../socket-stream.ts';
import { WebSocketStream } from '../websocket-stream.ts';

export interface UpstreamStream extends ByteStream {
  /** Once, with the one who hears it from then on. */
  start(owner: ByteStreamOwner): void;
}

/** Of a socket that hands its bytes over by `take`, without an event for each of them. */
export class DirectSocketStream extends SocketStream implements UpstreamStream {
  start(owner: ByteStreamOwner): void {
    this.begin(() => owner);
  }
}

export class UpstreamSocketStream extends SocketStream implements UpstreamStream {
  start(owner: ByteStreamOwner): void {
    this.begin(() => owner);
    this.listen(undefined);
  }
}

export class UpstreamWebSocketStream extends WebSocketStream implements UpstreamStream {
  start(owner: ByteStreamOwner): void {
    this.begin(() => owner);
  }
}
