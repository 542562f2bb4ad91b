/**
 * Serves /metrics to Prometheus: one path, few connections, each within bounds of time. Who asks is held against addresses, a token
 * and client certificates, as far as the configuration names them.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, isIP, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import { isLoopback, NetworkSet, normaliseAddress } from '../../../base/ip-address.ts';
import type { Config } from '../../config/config.ts';
import { OperatorError } from '../../config/problem.ts';
import { readSecret } from '../../config/secret.ts';
import { readPlainText } from '../../plain-file.ts';
import type { TextFormat } from './metric-store.ts';

type MetricsConfig = Config['metrics'];

export interface MetricsEndpointOptions {
  readonly config: MetricsConfig;
  readonly text: (format: TextFormat) => Promise<string>;
  readonly clock: Clock;
  readonly emit: Emit;
}

export interface MetricsEndpoint {
  readonly address: string;
  readonly port: number;
  /** Takes up what a reload has changed; names what only a restart puts into force. @throws {OperatorError} */
  apply(config: MetricsConfig): Promise<string[]>;
  close(): Promise<void>;
}

const HEADERS_MAX_BYTES = 8192;
/** From the open connection to a whole request. */
const REQUEST_TIMEOUT_MS = 5000;
/** From the request to the last byte of the answer: a scraper that does not read is left. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Between two requests: Prometheus asks once a minute at least, and keeps the connection. */
const IDLE_TIMEOUT_MS = 90_000;
const TOKEN_LENGTH_MIN = 16;
const TOLD_EVERY_MS = 60_000;
const gzipped = promisify(gzip);

const CONTENT_TYPES: Readonly<Record<TextFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** Who may ask, read from the files that the configuration names. */
interface Access {
  readonly allowed: NetworkSet | undefined;
  readonly tokenHash: Buffer | undefined;
  /** Others than this machine reach it: then any name may lead to it. */
  readonly isLocal: boolean;
}

/** Undefined where the configuration has none. @throws {OperatorError} where a file cannot be used or the port not be had. */
export async function openMetricsEndpoint(options: MetricsEndpointOptions): Promise<MetricsEndpoint | undefined> {
  const { config } = options;
  if (config.port === undefined) return undefined;
  const material = await readMaterial(config);
  const access = await readAccess(config);
  const timeouts = {
    maxHeaderSize: HEADERS_MAX_BYTES,
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: REQUEST_TIMEOUT_MS / 5,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
  };
  const server =
    material === undefined
      ? createServer(timeouts)
      : createTlsServer({ ...timeouts, ...material, handshakeTimeout: REQUEST_TIMEOUT_MS });
  return new Endpoint(server, { ...access, ca: material?.ca }, options).listen();
}

class Endpoint implements MetricsEndpoint {
  readonly #server: Server | TlsServer;
  readonly #options: MetricsEndpointOptions;
  readonly #sockets = new Set<Socket>();
  #access: Access;
  /** The CA that certificates are asked of, whatever a reload has taken out: without one those of the whole world would do. */
  #clientCa: string | undefined;
  /** Its content, as it holds now. */
  #ca: string | undefined;
  #toldFullAtMs = Number.NEGATIVE_INFINITY;
  address = '';
  port = 0;

  constructor(
    server: Server | TlsServer,
    access: Access & { ca: string | undefined },
    options: MetricsEndpointOptions,
  ) {
    this.#server = server;
    this.#access = access;
    this.#ca = access.ca;
    this.#options = options;
    this.#clientCa = options.config.tls?.clientCa;
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response));
    server.on('clientError', (_error, socket) => socket.destroy());
    server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
  }

  async listen(): Promise<this> {
    const { config, emit } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', ({ code }: NodeJS.ErrnoException) => {
        const place = `${config.address}:${config.port}`;
        const says = `Metrics cannot be served on ${place} (${code}): change metrics.address or metrics.port.`;
        reject(new OperatorError(says));
      });
      this.#server.listen({ host: config.address, port: config.port }, resolve);
    });
    this.#server.on('error', () => undefined);
    const { address, port } = this.#server.address() as AddressInfo;
    this.address = address;
    this.port = port;
    const type = config.tls === undefined ? 'http' : 'https';
    emit({ name: 'listener.opened', listener: 'metrics', address, port, type });
    return this;
  }

  #onConnection(socket: Socket): void {
    const { config, clock, emit } = this.#options;
    const address = normaliseAddress(socket.remoteAddress ?? '');
    const { allowed } = this.#access;
    if (address === undefined || (allowed !== undefined && !allowed.has(address))) {
      socket.destroy();
      return;
    }
    if (this.#sockets.size >= config.connectionsMax) {
      socket.destroy();
      if (clock.nowMs() - this.#toldFullAtMs < TOLD_EVERY_MS) return;
      this.#toldFullAtMs = clock.nowMs();
      const says = 'a further connection to the metrics is closed at once';
      emit({ name: 'ceiling.reached', ceiling: 'metrics.connectionsMax', limit: config.connectionsMax, says });
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const deadline: Timer = this.#options.clock.after(ANSWER_TIMEOUT_MS, () => request.socket.destroy());
    response.once('close', () => deadline.cancel());
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      const [status, says] = refusal;
      if (status === 401) response.setHeader('www-authenticate', 'Bearer');
      if (status === 405) response.setHeader('allow', 'GET, HEAD');
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
      response.end(`${says}\n`);
      return;
    }
    try {
      const format = formatFor(request.headers.accept);
      const text = await this.#options.text(format);
      response.setHeader('content-type', CONTENT_TYPES[format]);
      response.setHeader('vary', 'accept, accept-encoding');
      if (takesGzip(request.headers['accept-encoding'])) {
        response.setHeader('content-encoding', 'gzip');
        response.end(await gzipped(text, { level: constants.Z_BEST_SPEED }));
      } else response.end(text);
    } catch {
      request.socket.destroy();
    }
  }

  #refusal({ method, url, headers }: IncomingMessage): [status: number, says: string] | undefined {
    const { tokenHash, isLocal } = this.#access;
    if (isLocal && !isOwnHost(headers.host)) return [421, 'Ask by localhost or by an address.'];
    if (tokenHash !== undefined && !isToken(headers.authorization, tokenHash))
      return [401, 'Send the token of metrics.token.'];
    if (url?.split('?')[0] !== '/metrics') return [404, 'There is only /metrics.'];
    return method === 'GET' || method === 'HEAD' ? undefined : [405, 'There is only GET.'];
  }

  async apply(next: MetricsConfig): Promise<string[]> {
    const { config } = this.#options;
    if (next.port === undefined) return ['metrics.port'];
    const clientCa = next.tls?.clientCa ?? this.#clientCa;
    const tls = next.tls === undefined || config.tls === undefined ? undefined : { ...next.tls, clientCa };
    const material = await readMaterial({ tls });
    this.#access = await readAccess({ ...next, address: config.address });
    if (material !== undefined) (this.#server as TlsServer).setSecureContext(material);
    this.#endUnwanted(material?.ca);
    this.#clientCa = clientCa;
    return needingRestart(config, next);
  }

  /** Scrapers keep their connections: whom another address list or authority would not let in loses it. */
  #endUnwanted(ca: string | undefined): void {
    const { allowed } = this.#access;
    for (const socket of this.#sockets) {
      const address = normaliseAddress(socket.remoteAddress ?? '');
      const isWanted = address !== undefined && (allowed === undefined || allowed.has(address));
      if (!isWanted || ca !== this.#ca) socket.destroy();
    }
    this.#ca = ca;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#options.emit({ name: 'listener.closed', listener: 'metrics' });
  }
}

/** Settings that are taken up only when the endpoint is opened; whether a certificate is asked for is one. */
function needingRestart(before: MetricsConfig, after: MetricsConfig): string[] {
  const names: string[] = (['port', 'address', 'connectionsMax'] as const).filter((key) => before[key] !== after[key]);
  const asksFor = ({ tls }: MetricsConfig): boolean => tls?.clientCa !== undefined;
  if ((before.tls === undefined) !== (after.tls === undefined)) names.push('tls');
  else if (asksFor(before) !== asksFor(after)) names.push('tls.clientCa');
  return names.map((name) => `metrics.${name}`);
}

/** Reads every file that the configuration names. @throws {OperatorError} where one cannot be used. */
export async function checkMetricsFiles(config: MetricsConfig): Promise<void> {
  await readMaterial(config);
  await readAccess(config);
}

async function readMaterial({ tls }: Pick<MetricsConfig, 'tls'>) {
  if (tls === undefined) return undefined;
  const { certificate, key, passphrase, clientCa } = tls;
  return {
    cert: await readPem(certificate, 'metrics.tls.certificate'),
    key: await readPem(key, 'metrics.tls.key'),
    ...(passphrase === undefined ? {} : { passphrase: await readSecret(passphrase, process.env) }),
    ...(clientCa === undefined
      ? { ca: undefined }
      : { ca: await readPem(clientCa, 'metrics.tls.clientCa'), requestCert: true, rejectUnauthorized: true }),
    minVersion: 'TLSv1.2',
  } as const;
}

async function readPem(file: string, setting: string): Promise<string> {
  try {
    return await readPlainText(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OperatorError(`The file ${file} (${setting}) cannot be read (${code}): correct the path or its mode.`);
  }
}

async function readAccess({ address, allowFrom, token }: MetricsConfig): Promise<Access> {
  const text = token === undefined ? undefined : await readSecret(token, process.env);
  if (text !== undefined && text.length < TOKEN_LENGTH_MIN) {
    throw new OperatorError(`The token of metrics.token is too short: make one with \`openssl rand -hex 32\`.`);
  }
  return {
    allowed: allowFrom.length === 0 ? undefined : new NetworkSet(allowFrom),
    tokenHash: text === undefined ? undefined : hashOf(text),
    isLocal: isLoopback(address),
  };
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compared by hashes, which takes the same time whatever is wrong. */
function isToken(authorization: string | undefined, tokenHash: Buffer): boolean {
  const shown = /^Bearer (\S{1,4096})$/i.exec(authorization ?? '')?.[1];
  return shown !== undefined && timingSafeEqual(hashOf(shown), tokenHash);
}

/** Against pages of other sites whose name leads to this machine: an address as Host, or localhost, is of no other site. */
function isOwnHost(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d{1,5}$/, '').replace(/^\[|\]$/g, '');
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}

function formatFor(accept: string | undefined): TextFormat {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'prometheus';
}

function takesGzip(accepted: string | string[] | undefined): boolean {
  return /(^|,)\s*gzip\s*($|,|;(?!\s*q=0(\.0+)?\s*($|,)))/i.test(String(accepted ?? ''));
}
