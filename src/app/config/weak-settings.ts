/** What a configuration may say and probably should not: told by `sallyport check`, and judged by `sallyport audit`. */
import { isLoopback } from '../../base/ip-address.ts';
import type { ChainEntry, Config, ListenerConfig, UpstreamConfig } from './config.ts';
import { parseUpstreamUrl } from './upstream-url.ts';

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

/** Whatever is named as the place of a secret, `{ file: PATH }`, wherever it stands. */
export function secretPlaces(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(secretPlaces);
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only![0] === 'file' && typeof only![1] === 'string') return [only![1]];
  return entries.flatMap(([, inner]) => secretPlaces(inner));
}

/** Private keys, and the accounts that clients are given at a broker. */
function keysOfUpstream({ targets, credentials }: UpstreamConfig): string[] {
  const keys = targets.flatMap(({ tls }) => (tls?.key === undefined ? [] : [tls.key]));
  return typeof credentials !== 'string' && 'mapFile' in credentials ? [...keys, credentials.mapFile] : keys;
}

/** Every file that holds a secret, once, whether or not it is there. */
export function secretFiles(config: Config): string[] {
  const { authentication, listeners, upstreams, metrics, control } = config;
  const files = [
    authentication.passwordFile,
    ...(authentication.totpFile === undefined ? [] : [authentication.totpFile]),
    ...authentication.chain.flatMap((entry) => (entry.method === 'scram' ? [entry.file] : [])),
    ...listeners.flatMap(({ tls }) => [
      ...(tls?.certificates.map(({ key }) => key) ?? []),
      ...(tls?.pskFile === undefined ? [] : [tls.pskFile]),
    ]),
    ...upstreams.flatMap(keysOfUpstream),
    ...(metrics.tls === undefined ? [] : [metrics.tls.key]),
    ...(control.port === undefined ? [] : [control.key]),
    ...secretPlaces(config),
  ];
  return [...new Set(files)];
}

/** Whether a file of this mode is open to every user of the machine. */
export function isOpenToAll(mode: number): boolean {
  return (mode & 0o007) !== 0;
}
