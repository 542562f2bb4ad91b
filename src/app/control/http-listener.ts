/**
 * What the control socket and the HTTPS listener have in common: ceilings of connections and of requests an address, deadlines,
 * and an answer to what is not HTTP at all. The application behind is asked for with the first request, and not before.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { normaliseAddress } from '../../base/ip-address.ts';
import { TokenBucket } from '../../policy/limits/token-bucket.ts';
import type { ControlApp, RequestSource } from './http-app.ts';
import { answerProblem, rawProblem } from './problem-answer.ts';
import { ControlProblem } from './problem-details.ts';
import { hasBody } from './request-body.ts';
import type { ControlServices } from './services.ts';

/** From the open connection, or the answer before, to a whole request; what it asks for has no such limit. */
export const REQUEST_TIMEOUT_MS = 5000;
export const HEADERS_MAX_BYTES = 16 * 1024;
const HEADERS_MAX = 100;
const FULL_TOLD_EVERY_MS = 60_000;
/** Addresses whose rates are known at once. */
const ADDRESSES_MAX = 10_000;

/** Options of Node's server: the deadlines are ours, by our clock. */
export const SERVER_OPTIONS = {
  maxHeaderSize: HEADERS_MAX_BYTES,
  headersTimeout: 0,
  requestTimeout: 0,
  keepAliveTimeout: 0,
  // Asked for by the application, with an answer of its own kind.
  requireHostHeader: false,
} as const;

export interface HttpListenerOptions {
  readonly services: Pick<ControlServices, 'clock' | 'chance' | 'emit'>;
  /** Resolves with the application, loading it where it is not there yet. */
  readonly app: () => Promise<ControlApp>;
  /** For the name of the ceiling in events: `control socket` or `control.port`. */
  readonly name: string;
  readonly connectionsMax: number;
  /** Of one address; undefined where there are none. */
  readonly perAddress?: { readonly connectionsMax: number; readonly requestsPerSecond: number; readonly burst: number };
  readonly requestTimeoutMs: number;
  /** @throws {ControlProblem} where the request is not for us. */
  readonly admit: (request: IncomingMessage) => RequestSource;
}

/** Serves what comes to `server`; the caller lets it listen, and closes it. */
export function serveHttp(server: Server, options: HttpListenerOptions): { closeAll(): void } {
  const { services, name, connectionsMax, perAddress } = options;
  const { clock, emit } = services;
  const open = new Set<Socket>();
  const openOf = new Map<string, number>();
  const buckets = new BoundedMap<string, TokenBucket>({ entriesMax: ADDRESSES_MAX });
  const deadlines = new WeakMap<Socket, Deadline>();
  server.maxHeadersCount = HEADERS_MAX;

  const toldAtMs = new Map<string, number>();
  /** Strangers can reach it with every connection that they try: told seldom enough to be no flood of its own. */
  const full = (ceiling: string, limit: number, says: string): void => {
    const nowMs = clock.nowMs();
    if (nowMs - (toldAtMs.get(ceiling) ?? Number.NEGATIVE_INFINITY) < FULL_TOLD_EVERY_MS) return;
    toldAtMs.set(ceiling, nowMs);
    emit({ name: 'ceiling.reached', ceiling, limit, says });
  };

  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket);
    const own = (openOf.get(address) ?? 0) + 1;
    if (open.size >= connectionsMax) {
      full(name, connectionsMax, 'a further connection to the control API is closed at once');
      socket.destroy();
      return;
    }
    if (perAddress !== undefined && own > perAddress.connectionsMax) {
      full(`${name} of one address`, perAddress.connectionsMax, `a further connection of ${address} is closed at once`);
      socket.destroy();
      return;
    }
    open.add(socket);
    openOf.set(address, own);
    socket.once('close', () => {
      open.delete(socket);
      const left = (openOf.get(address) ?? 1) - 1;
      if (left === 0) openOf.delete(address);
      else openOf.set(address, left);
    });
  });
  // With TLS the requests come by another socket than the connection.
  const transport = 'setSecureContext' in server ? 'secureConnection' : 'connection';
  server.on(transport, (socket: Socket) => {
    if (socket.destroyed) return;
    const deadline = new Deadline(clock, socket, options.requestTimeoutMs);
    deadlines.set(socket, deadline);
    deadline.start();
  });

  const hasRate = (address: string): number => {
    if (perAddress === undefined) return 0;
    const nowMs = clock.nowMs();
    const bucket =
      buckets.get(address) ?? new TokenBucket(perAddress.requestsPerSecond / 1000, perAddress.burst, nowMs);
    buckets.set(address, bucket);
    bucket.refill(nowMs);
    if (bucket.lacks(1)) return bucket.missingMs(1);
    bucket.take(1);
    return 0;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const address = addressOf(request.socket);
    try {
      const waitMs = hasRate(address);
      if (waitMs > 0) {
        throw new ControlProblem('too-many-requests', 'This address asks too often: wait, then go on more slowly.', {
          headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
        });
      }
      if (!request.url?.startsWith('/')) {
        throw new ControlProblem('bad-request', 'The target of the request is no path: this is no proxy.');
      }
      const source = options.admit(request);
      (await options.app()).handle(request, response, source);
    } catch (error) {
      answerProblem(services, request, response, error, addressOr(address));
    }
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const deadline = deadlines.get(request.socket);
    // Nobody reads a body that is not there, and its end would never be told.
    if (hasBody(request)) request.once('end', () => deadline?.stop());
    else deadline?.stop();
    response.once('close', () => deadline?.start());
    void answer(request, response);
  });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const says = 'Only `Expect: 100-continue` is understood: send the request without that header.';
    answerProblem(services, request, response, new ControlProblem('bad-request', says), undefined);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (socket.writable && error.code !== 'ECONNRESET') {
      const isLong = error.code === 'HPE_HEADER_OVERFLOW';
      const problem = isLong
        ? new ControlProblem('headers-too-large', `The headers are larger than ${HEADERS_MAX_BYTES} bytes.`)
        : new ControlProblem('bad-request', 'This is no HTTP/1.1 request.');
      socket.end(rawProblem(services, problem), () => socket.destroySoon());
    } else socket.destroy();
  });
  server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
  // Tunnels and other protocols are not spoken here.
  server.on('connect', (_request, socket: Socket) => {
    const says = 'CONNECT is not done here; /v1/openapi.json lists all there is.';
    socket.end(rawProblem(services, new ControlProblem('method-not-allowed', says)), () => socket.destroySoon());
  });

  return {
    closeAll() {
      for (const socket of open) socket.destroy();
    },
  };
}

/** Ends a connection that asks nothing in time. */
class Deadline {
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #timer: Timer | undefined;

  constructor(clock: Clock, socket: Socket, timeoutMs: number) {
    this.#clock = clock;
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.once('close', () => this.stop());
  }

  start(): void {
    this.stop();
    if (!this.#socket.destroyed) this.#timer = this.#clock.after(this.#timeoutMs, () => this.#socket.destroy());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

/** Empty on a Unix socket. */
function addressOf({ remoteAddress = '' }: Socket): string {
  return normaliseAddress(remoteAddress) ?? '';
}

export function addressOr(address: string): string | undefined {
  return address === '' ? undefined : address;
}
