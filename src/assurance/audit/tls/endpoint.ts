/** A TLS endpoint as a target: its address, and what the auditor brings to look at it with. */
import { domainToASCII } from 'node:url';
import { OperatorError } from '../../../app/config/problem.ts';
import { placedTarget, type Target } from '../model/target.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** What clients call it: sent with the ClientHello, and looked for in the certificate. */
  readonly serverName: string;
}

export interface EndpointOptions {
  readonly serverName?: string;
  /** PEM of the authorities that clients trust. */
  readonly ca?: string;
  /** Of a revoked client, to see whether it gets in: PEM. */
  readonly certificate?: string;
  readonly key?: string;
  /** A file with revocation lists. */
  readonly crl?: string;
  /** Whether revocation lists may be fetched from where the certificate says. */
  readonly isFetchAllowed?: boolean;
}

const OPTIONS: Readonly<Record<string, 'string' | 'boolean'>> = {
  serverName: 'string',
  ca: 'string',
  certificate: 'string',
  key: 'string',
  crl: 'string',
  fetch: 'boolean',
};

/** `HOST:PORT`, `[::1]:8883`, `mqtts://HOST` and the like; the port is 8883 where nothing is said. */
export function readAddress(place: string): Pick<Endpoint, 'host' | 'port'> | undefined {
  const match =
    /^(?:(?:mqtts|tls|wss|https):\/\/)?(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^\s:/[\]]+))(?::(?<port>\d{1,5}))?\/?$/.exec(
      place,
    );
  if (match === null) return undefined;
  const { six, host = '', port = '8883' } = match.groups!;
  const name = six ?? domainToASCII(host);
  const number = Number(port);
  return name === '' || number < 1 || number > 65_535 ? undefined : { host: name, port: number };
}

/** @throws {OperatorError} */
export function tlsTarget(place: string, options: Readonly<Record<string, unknown>> = {}): Target {
  const address = readAddress(place);
  if (address === undefined)
    throw new OperatorError(`"${place}" is no address of a TLS endpoint: give HOST:PORT, such as broker.example:8883.`);
  for (const [name, value] of Object.entries(options)) {
    const type = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (type === undefined)
      throw new OperatorError(`A tls target has no option "${name}", only ${Object.keys(OPTIONS).join(', ')}.`);
    const isRight = type === 'string' ? typeof value === 'string' : typeof value === 'boolean';
    if (!isRight) throw new OperatorError(`The option "${name}" of the tls target ${place} is a ${type}.`);
  }
  if ((options['certificate'] === undefined) !== (options['key'] === undefined))
    throw new OperatorError(`The tls target ${place} needs both or neither of certificate and key.`);
  const { host, port } = address;
  return placedTarget('tls', host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, options);
}
