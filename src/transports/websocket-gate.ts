/** The WebSocket side of a listener: HTTP upgrades over sockets that were accepted elsewhere. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { PROTOCOL_NAMES, protocolOf } from './first-bytes.ts';
import type { ListenerSettings } from './listener-options.ts';
import { takeFrames } from './websocket-frames.ts';

/** Somebody who waits for an upgrade; one of the two is called, at most once. */
export interface Upgrade {
  onUpgraded(socket: WebSocket): void;
  /** The client has its answer, and the socket is closing. */
  onRefused(says: string): void;
}

const HEADERS_SIZE_MAX_BYTES = 8192;
/** All that the library gathers is control frames, of 125 bytes at most (RFC 6455, 5.5). */
const GATHERED_MAX_BYTES = 125;
/** Names of MQTT 3.1.1 and 5.0 [MQTT-6.0.0-3], and of 3.1. */
const SUBPROTOCOLS: readonly string[] = ['mqtt', 'mqttv3.1'];

export class WebSocketGate {
  readonly #http: Server;
  #webSockets: WebSocketServer;
  #settings: ListenerSettings;
  readonly #upgrades = new WeakMap<Duplex, Upgrade>();

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
    this.#webSockets = this.#makeWebSockets();
    // Time is the listener's affair: its deadline spans everything up to the upgrade, however slowly the request drips in.
    this.#http = createServer({
      maxHeaderSize: HEADERS_SIZE_MAX_BYTES,
      insecureHTTPParser: false,
      requireHostHeader: true,
      keepAlive: false,
      joinDuplicateHeaders: false,
    });
    this.#http.maxHeadersCount = 64;
    this.#http.maxRequestsPerSocket = 1;
    this.#http.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
    this.#http.on('request', (request, response) => this.#onRequest(request, response));
    this.#http.on('clientError', (error: HttpError, socket) => this.#onError(error, socket));
    this.#http.on('checkContinue', (request, response) => this.#onRequest(request, response));
    this.#http.on('connect', (_request, socket) => this.#refuse(socket, 400, 'this is no HTTP proxy'));
  }

  swap(settings: ListenerSettings): void {
    this.#settings = settings;
    this.#webSockets = this.#makeWebSockets();
  }

  #makeWebSockets(): WebSocketServer {
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      // Compressed secrets beside chosen text leak (CRIME), and a small frame may unpack to a huge one.
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: GATHERED_MAX_BYTES,
      closeTimeout: this.#settings.closeGraceMs,
      handleProtocols: (names) => SUBPROTOCOLS.find((name) => names.has(name)) ?? false,
    };
    const webSockets = new WebSocketServer(options);
    webSockets.on('wsClientError', (_error, socket) => this.#refuse(socket, 400, 'a malformed WebSocket upgrade'));
    return webSockets;
  }

  /** Reads a request from `socket`, of which `first` was read already. */
  upgrade(socket: Socket, first: Buffer, upgrade: Upgrade): void {
    this.#upgrades.set(socket, upgrade);
    socket.unshift(first);
    this.#http.emit('connection', socket);
    socket.resume();
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { path, origins } = this.#settings;
    const { origin } = request.headers;
    const url = request.url ?? '';
    const queryAt = url.indexOf('?');
    if ((queryAt === -1 ? url : url.slice(0, queryAt)) !== path) {
      this.#refuse(socket, 404, 'an upgrade on another path than the configured one');
    } else if (origin !== undefined && !origins.has('*') && !origins.has(origin.toLowerCase())) {
      this.#refuse(socket, 403, 'an upgrade from a page of an origin that is not on the list');
    } else if (!offers(request).some((name) => SUBPROTOCOLS.includes(name))) {
      this.#refuse(socket, 400, 'an upgrade without the subprotocol mqtt');
    } else {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        // INVARIANT: nothing gathers the messages of somebody who may say what he likes.
        if (takeFrames(webSocket, socket, 'client')) this.#upgrades.get(socket)?.onUpgraded(webSocket);
        else webSocket.terminate();
      });
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { path } = this.#settings;
    const url = request.url ?? '';
    const there = url === path || url.startsWith(`${path}?`);
    response.writeHead(there ? 426 : 404, {
      'content-type': 'text/plain; charset=utf-8',
      connection: 'close',
      ...(there ? { upgrade: 'websocket' } : {}),
    });
    response.end(
      there ? 'MQTT over WebSocket is spoken here, with the subprotocol mqtt.\n' : 'There is nothing here.\n',
    );
    this.#upgrades.get(request.socket)?.onRefused('an HTTP request that asks for no WebSocket');
  }

  #onError(error: HttpError, socket: Duplex): void {
    const protocol = error.rawPacket === undefined ? 'unknown' : protocolOf(error.rawPacket);
    const says =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? `an HTTP request with headers longer than ${HEADERS_SIZE_MAX_BYTES} bytes`
        : protocol === 'unknown' || protocol === 'http'
          ? 'a malformed HTTP request'
          : `not HTTP but ${PROTOCOL_NAMES[protocol]}`;
    this.#refuse(socket, error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400, says);
  }

  #refuse(socket: Duplex, status: number, says: string): void {
    if (socket.writable) {
      socket.end(
        `HTTP/1.1 ${status} ${REASONS[status]}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${says.length + 1}\r\n\r\n${says}\n`,
      );
    }
    this.#upgrades.get(socket)?.onRefused(says);
  }
}

interface HttpError extends Error {
  code?: string;
  rawPacket?: Buffer;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  431: 'Request Header Fields Too Large',
};

function offers(request: IncomingMessage): string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
}
