/** What a configuration may say and probably should not: told by `sallyport check`, and judged by `sallyport audit`. */
import { isIP } from 'node:net';
import type { ChainEntry, Config, ListenerConfig, UpstreamConfig } from './config.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

export function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/** Without TLS, and reached from the network. Behind a load balancer that speaks the PROXY protocol, TLS may well end there. */
export function isOpenPlain({ type, address, proxyProtocol }: ListenerConfig): boolean {
  const isPlain = type === 'tcp' || type === 'ws';
  return isPlain && !isLoopback(address) && proxyProtocol.mode === 'off';
}

/** Whether the entry sends passwords in clear. */
export function asksInClear(entry: ChainEntry): entry is ChainEntry & { readonly url: string } {
  return 'plaintext' in entry && entry.plaintext === true;
}

/** A token is worth what its claims are held against: without an audience, one that was made for another service does. */
export function uncheckedClaims(entry: ChainEntry): readonly ('issuer' | 'audience')[] {
  return entry.method === 'jwt' ? (['issuer', 'audience'] as const).filter((key) => entry[key] === undefined) : [];
}

/** Names of upstreams that are reached over a network in clear. Clients' messages, and with `passthrough` their passwords, go there. */
export function clearUpstreams({ upstream, upstreams }: Config): string[] {
  const alone = upstream.includes('://') ? [{ name: upstream, targets: [{ url: upstream }] }] : [];
  return [...upstreams, ...alone].flatMap(({ name, targets }) => {
    const isClear = targets.some(({ url }) => {
      const place = parseUpstreamUrl(url);
      if (place === undefined || place.scheme === 'mqtts' || place.scheme === 'wss') return false;
      return place.host !== 'localhost' && !isLoopback(place.host);
    });
    return isClear ? [name] : [];
  });
}

/** Files of keys, passwords and accounts. */
function secretsOfUpstream({ targets, credentials, healthCheck }: UpstreamConfig): string[] {
  const files = targets.flatMap(({ tls }) => (tls?.key === undefined ? [] : [tls.key]));
  if (typeof credentials !== 'string') {
    if ('mapFile' in credentials) files.push(credentials.mapFile);
    else if ('file' in credentials.password) files.push(credentials.password.file);
  }
  const { password } = healthCheck;
  return password !== undefined && 'file' in password ? [...files, password.file] : files;
}

function secretsOfMetrics({ token, tls }: Config['metrics']): string[] {
  const places = [token, tls?.passphrase].flatMap((place) =>
    place !== undefined && 'file' in place ? [place.file] : [],
  );
  return tls === undefined ? places : [tls.key, ...places];
}

/** Files with secrets and hashes that an entry names. */
function secretsOfEntry(entry: ChainEntry): string[] {
  if (entry.method === 'scram') return [entry.file];
  const sources = [
    'secret' in entry ? entry.secret : undefined,
    'password' in entry ? entry.password : undefined,
    'bindPassword' in entry ? entry.bindPassword : undefined,
  ];
  return sources.flatMap((source) => (source !== undefined && 'file' in source ? [source.file] : []));
}

/** Of the HTTPS listener, where there is one, and of single sign-on. */
function secretsOfControl({ port, key, operators }: Config['control']): string[] {
  const source = operators.sso?.clientSecret;
  return [...(port === undefined ? [] : [key]), ...(source !== undefined && 'file' in source ? [source.file] : [])];
}

/** Every file that holds a secret, once, whether or not it is there. */
export function secretFiles(config: Config): string[] {
  const files = [
    config.authentication.passwordFile,
    ...config.authentication.chain.flatMap(secretsOfEntry),
    ...config.listeners.flatMap(({ tls }) => [
      ...(tls?.certificates.map(({ key }) => key) ?? []),
      ...(tls?.pskFile === undefined ? [] : [tls.pskFile]),
    ]),
    ...config.upstreams.flatMap(secretsOfUpstream),
    ...secretsOfMetrics(config.metrics),
    ...secretsOfControl(config.control),
    ...config.otlp.headers.flatMap(({ value }) => ('file' in value ? [value.file] : [])),
  ];
  return [...new Set(files)];
}

/** Whether a file of this mode is open to every user of the machine. */
export function isOpenToAll(mode: number): boolean {
  return (mode & 0o007) !== 0;
}
