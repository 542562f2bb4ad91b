/** The HTTPS listener of the control API: TLS 1.3, our own names only, nothing from other sites, and an authenticator. */
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { normaliseAddress } from '../../base/ip-address.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import { readSecret } from '../config/secret.ts';
import { readPlainText } from '../plain-file.ts';
import type { ControlApp } from './http-app.ts';
import { SERVER_OPTIONS, serveHttp } from './http-listener.ts';
import { demandOwnHost, demandSameSite } from './own-site.ts';
import { type Authenticator, type ClientCertificate, noAuthenticator } from './principal.ts';
import { ControlProblem } from './problem-details.ts';
import { closeServer } from './server-close.ts';
import type { ControlServices } from './services.ts';

type ControlConfig = Config['control'];

export interface HttpsListenerOptions {
  readonly services: ControlServices;
  readonly config: ControlConfig;
  readonly authenticator: Authenticator | undefined;
  readonly app: () => Promise<ControlApp>;
}

export interface HttpsListener {
  readonly address: string;
  readonly port: number;
  /** As that of the `ControlServer`; throws where it cannot be done, and changes nothing then. */
  apply(config: ControlConfig): Promise<string[]>;
  close(): Promise<void>;
}

/** How long a TLS handshake may take. */
const HANDSHAKE_TIMEOUT_MS = 5000;

/** @throws {OperatorError} where a file cannot be used, or the port cannot be had. */
export async function openHttpsListener(options: HttpsListenerOptions): Promise<HttpsListener> {
  const { services, config, authenticator = noAuthenticator, app } = options;
  let material = await readMaterial(config);
  let { hosts, clientCa } = config;
  /** The authority that the certificate of a connection was held against. */
  const trustedBy = new WeakMap<Socket, unknown>();
  const server = createServer({
    ...SERVER_OPTIONS,
    ...material.tls,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    ALPNProtocols: ['http/1.1'],
  });
  const serving = serveHttp(server, {
    services,
    app,
    name: 'control.connectionsMax',
    connectionsMax: config.connectionsMax,
    perAddress: {
      connectionsMax: config.connectionsPerAddressMax,
      requestsPerSecond: config.requestsPerSecondMax,
      burst: config.requestsPerSecondMax * BURST_S,
    },
    requestTimeoutMs: config.requestTimeoutMs,
    admit: (request) => {
      demandOwnHost(request.headers, [...hosts, ...material.names]);
      demandSameSite(request.method ?? '', request.headers);
      const { socket } = request;
      if (trustedBy.get(socket) !== material.tls.ca) {
        throw new ControlProblem('unauthenticated', 'The authority of certificates has changed: connect anew.');
      }
      return {
        authenticator,
        address: normaliseAddress(socket.remoteAddress ?? ''),
        certificate: certificateOf(request),
      };
    },
  });
  server.on('secureConnection', (socket) => trustedBy.set(socket, material.tls.ca));
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      const place = `${config.address}:${config.port}`;
      reject(
        new OperatorError(
          `The control API cannot listen on ${place} (${code}): change control.address or control.port.`,
        ),
      );
    });
    server.listen({ host: config.address, port: config.port }, resolve);
  });
  server.on('error', () => undefined);
  const { address, port } = server.address() as AddressInfo;
  services.emit({ name: 'listener.opened', listener: 'control', address, port, type: 'https' });
  return {
    address,
    port,
    async apply(next) {
      // Where certificates are asked for they still are until a restart; without a CA of ours, those of the whole world would do.
      const kept = next.clientCa ?? clientCa;
      material = await readMaterial({ ...next, clientCa: kept });
      server.setSecureContext(material.tls);
      hosts = next.hosts;
      clientCa = kept;
      return needingRestart(config, next);
    },
    close: () => closeServer(server, serving),
  };
}

/** Settings that a listener takes up only when it is opened, by what they are in the file. */
const FIXED = {
  port: 'port',
  address: 'address',
  connectionsMax: 'connectionsMax',
  connectionsPerAddressMax: 'connectionsPerAddressMax',
  requestsPerSecondMax: 'requestsPerSecondMax',
  requestTimeoutMs: 'requestTimeout',
} as const satisfies Partial<Record<keyof ControlConfig, string>>;

function needingRestart(before: ControlConfig, after: ControlConfig): string[] {
  const names = (Object.keys(FIXED) as (keyof typeof FIXED)[])
    .filter((key) => before[key] !== after[key])
    .map((key) => FIXED[key] as string);
  // Another CA is taken up; whether a certificate is asked for at all, and has to come, is settled with the first connection.
  const asks = (before.clientCa === undefined) !== (after.clientCa === undefined);
  if (asks) names.push('clientCa');
  else if (after.clientCa !== undefined && before.clientCertificate !== after.clientCertificate) {
    names.push('clientCertificate');
  }
  return names.map((name) => `control.${name}`);
}

/** An address may do at once what it may do in so many seconds. */
const BURST_S = 4;

interface Material {
  readonly tls: ServerOptions;
  /** That the certificate is for. */
  readonly names: readonly string[];
}

/** @throws {OperatorError} where a file that the configuration names cannot be used. */
export async function readMaterial(config: ControlConfig): Promise<Material> {
  const cert = await readPem(config.certificate, 'control.certificate');
  const key = await readPem(config.key, 'control.key');
  const { passphrase, clientCa } = config;
  const tls: ServerOptions = {
    cert,
    key,
    ...(passphrase === undefined ? {} : { passphrase: await readSecret(passphrase, process.env) }),
    minVersion: 'TLSv1.3',
    ...(clientCa === undefined
      ? {}
      : {
          ca: await readPem(clientCa, 'control.clientCa'),
          requestCert: true,
          rejectUnauthorized: config.clientCertificate === 'require',
        }),
  };
  const names = namesIn(cert, config.certificate);
  try {
    createSecureContext(tls);
  } catch (error) {
    const files = `${config.certificate} (control.certificate) with ${config.key} (control.key)`;
    throw new OperatorError(`TLS cannot be spoken by ${files}: ${(error as Error).message}.`);
  }
  return { tls, names };
}

async function readPem(file: string, setting: string): Promise<string> {
  try {
    return await readPlainText(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new OperatorError(`The file ${file} (${setting}) cannot be read (${code}): correct the path or its mode.`);
  }
}

function namesIn(pem: string, file: string): string[] {
  try {
    const { subjectAltName = '' } = new X509Certificate(pem);
    return [...subjectAltName.matchAll(/DNS:([^,\s"]+)/g)].map(([, name = '']) => name.toLowerCase());
  } catch {
    throw new OperatorError(`The file ${file} (control.certificate) holds no certificate in PEM.`);
  }
}

/** Only one that the client CA has signed. */
function certificateOf({ socket }: IncomingMessage): ClientCertificate | undefined {
  const tls = socket as TLSSocket;
  if (!tls.authorized) return undefined;
  const certificate = tls.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  return {
    commonName: /^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1] ?? '',
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    serial: certificate.serialNumber,
    der: certificate.raw,
  };
}
