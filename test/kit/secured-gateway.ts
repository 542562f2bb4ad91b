/** The gateway with a listener of every kind, certificates for them, and one user who is confined to its own topics. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeCa, makeCertificate, type TestAuthority, type TestCertificate } from './certificates.ts';
import { type GatewayInit, type ListenerInit, type RunningGateway, startGateway } from './gateway.ts';
import type { MqttJsInit } from './mqttjs.ts';
import { removeDirectory, temporaryDirectory } from './process.ts';

export const USERNAME = 'device1';
export const PASSWORD = 'a password of the tests';

/** Names of the listeners, each with the way a client takes to it; `mtls` takes no password, but a certificate. */
export const TRANSPORTS = { tcp: 'tcp', tls: 'tls', mtls: 'tls', ws: 'ws', wss: 'wss' } as const;
export type TransportName = keyof typeof TRANSPORTS;

export interface SecuredGateway {
  /** The one that was started last. */
  readonly gateway: RunningGateway;
  readonly ca: TestAuthority;
  readonly server: TestCertificate;
  /** Its common name is the user's. */
  readonly client: TestCertificate;
  /** Paths of PEM files. */
  readonly files: { ca: string; serverCert: string; serverKey: string; clientCert: string; clientKey: string };
  /** What MQTT.js needs to log in there. */
  login(transport: TransportName): MqttJsInit;
  /** Starts it again, after its end. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface SecuredInit extends Omit<GatewayInit, 'listeners' | 'directory'> {
  /** Default: all of them. */
  transports?: readonly TransportName[];
  /** Further settings of every listener. */
  listener?: Readonly<Record<string, unknown>>;
}

export async function startSecuredGateway(init: SecuredInit = {}): Promise<SecuredGateway> {
  const { transports = Object.keys(TRANSPORTS) as TransportName[], listener = {}, ...rest } = init;
  const directory = await temporaryDirectory('secured');
  const ca = await makeCa();
  const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
  const client = await makeCertificate(ca, { commonName: USERNAME, use: 'client' });
  const at = (name: string): string => path.join(directory, name);
  const files = {
    ca: at('ca.crt'),
    serverCert: at('server.crt'),
    serverKey: at('server.key'),
    clientCert: at('client.crt'),
    clientKey: at('client.key'),
  };
  await writeFile(files.ca, ca.certificatePem);
  await writeFile(files.serverCert, server.certificatePem);
  await writeFile(files.serverKey, server.keyPem, { mode: 0o600 });
  await writeFile(files.clientCert, client.certificatePem);
  await writeFile(files.clientKey, client.keyPem, { mode: 0o600 });

  const certificates = [{ certificate: 'server.crt', key: 'server.key' }];
  const mutual = { clientCertificate: 'require', clientCa: 'ca.crt', identityFromCertificate: true };
  const listeners = transports.map((name): ListenerInit => {
    const type = TRANSPORTS[name];
    if (type === 'tcp' || type === 'ws') return { name, type, ...listener };
    return { name, type, tls: { certificates, ...(name === 'mtls' ? mutual : {}) }, ...listener };
  });
  let gateway = await startGateway({
    users: { [USERNAME]: PASSWORD },
    acl: ['pattern readwrite devices/%u/#'],
    ...rest,
    listeners,
    directory,
  });
  return {
    get gateway() {
      return gateway;
    },
    ca,
    server,
    client,
    files,
    login: (name) => ({
      port: gateway.ports.get(name)!,
      transport: TRANSPORTS[name],
      ...(name === 'mtls' ? {} : { options: { username: USERNAME, password: PASSWORD } }),
      tls: {
        ca: ca.certificatePem,
        ...(name === 'mtls' ? { cert: client.certificatePem, key: client.keyPem } : {}),
      },
    }),
    restart: async () => {
      gateway = await gateway.restart();
    },
    stop: async () => {
      await gateway.stop();
      await removeDirectory(directory);
    },
  };
}
