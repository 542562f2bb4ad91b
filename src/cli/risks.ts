/** What a configuration may say and probably should not: not wrong, and so no reason to refuse, but worth a line. */
import { stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Config, ListenerConfig } from '../app/config/config.ts';
import { parseUpstreamUrl } from '../app/config/upstream-url.ts';
import type { PolicySummary } from '../policy/authorization/policy-compiled.ts';

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

function listenerRisks({ name, type, address, anonymous, proxyProtocol }: ListenerConfig): string[] {
  const risks: string[] = [];
  const isPlain = type === 'tcp' || type === 'ws';
  // Behind a load balancer that speaks the PROXY protocol, TLS may well end there.
  if (isPlain && !isLoopback(address) && proxyProtocol.mode === 'off') {
    risks.push(
      `Listener ${name} is not encrypted and is reached from the network: passwords and messages can be read there.`,
    );
  }
  if (anonymous) risks.push(`Listener ${name} lets clients in without a user name.`);
  return risks;
}

/** Passwords on the wire; and a token is worth what its claims are held against: without an audience, one that was made for another service does. */
function chainRisks(entry: Config['authentication']['chain'][number]): string[] {
  if ('plaintext' in entry && entry.plaintext) {
    return [`The entry ${entry.name ?? entry.method} of authentication.chain asks ${entry.url} without encryption.`];
  }
  if (entry.method !== 'jwt') return [];
  const missing = (['issuer', 'audience'] as const).filter((key) => entry[key] === undefined);
  if (missing.length === 0) return [];
  return [
    `The entry ${entry.name ?? 'jwt'} of authentication.chain names no ${missing.join(' and no ')}: tokens for other services are taken too.`,
  ];
}

/** Clients' messages, and with `passthrough` their passwords, go to the broker as its URL says. */
function upstreamRisks({ upstream, upstreams }: Config): string[] {
  const alone = upstream.includes('://') ? [{ name: upstream, targets: [{ url: upstream }] }] : [];
  return [...upstreams, ...alone].flatMap(({ name, targets }) => {
    const isOpen = targets.some(({ url }) => {
      const place = parseUpstreamUrl(url);
      if (place === undefined || place.scheme === 'mqtts' || place.scheme === 'wss') return false;
      return place.host !== 'localhost' && !isLoopback(place.host);
    });
    if (!isOpen) return [];
    return [`Upstream ${name} is reached over a network without encryption: passwords and messages can be read there.`];
  });
}

/** Files of keys, passwords and accounts. */
function upstreamSecrets({ targets, credentials, healthCheck }: Config['upstreams'][number]): string[] {
  const files = targets.flatMap(({ tls }) => (tls?.key === undefined ? [] : [tls.key]));
  if (typeof credentials !== 'string') {
    if ('mapFile' in credentials) files.push(credentials.mapFile);
    else if ('file' in credentials.password) files.push(credentials.password.file);
  }
  const { password } = healthCheck;
  return password !== undefined && 'file' in password ? [...files, password.file] : files;
}

/** Files with secrets and hashes that an entry names. */
function chainSecrets(entry: Config['authentication']['chain'][number]): string[] {
  if (entry.method === 'scram') return [entry.file];
  const sources = [
    'secret' in entry ? entry.secret : undefined,
    'password' in entry ? entry.password : undefined,
    'bindPassword' in entry ? entry.bindPassword : undefined,
  ];
  return sources.flatMap((source) => (source !== undefined && 'file' in source ? [source.file] : []));
}

async function isOpenToAll(path: string): Promise<boolean> {
  try {
    return ((await stat(path)).mode & 0o007) !== 0;
  } catch {
    // A file that is not there is somebody else's finding.
    return false;
  }
}

/** One sentence each. */
export async function risksOf(config: Config): Promise<string[]> {
  const secrets = [
    config.authentication.passwordFile,
    ...config.authentication.chain.flatMap(chainSecrets),
    ...config.listeners.flatMap(({ tls }) => [
      ...(tls?.certificates.map(({ key }) => key) ?? []),
      ...(tls?.pskFile === undefined ? [] : [tls.pskFile]),
    ]),
    ...config.upstreams.flatMap(upstreamSecrets),
  ];
  const files = [...new Set(secrets)];
  const open = await Promise.all(files.map(isOpenToAll));
  return [
    ...config.listeners.flatMap(listenerRisks),
    ...upstreamRisks(config),
    ...config.authentication.chain.flatMap(chainRisks),
    ...files
      .filter((_, index) => open[index])
      .map((file) => `Every user of this machine has access to ${file}: chmod o= ${file}`),
  ];
}

/** A condition on a listener that does not exist never holds: a deny under it denies nothing. */
export function policyRisks({ listeners, authorization }: Config, policy: PolicySummary): string[] {
  const known = new Set(listeners.map(({ name }) => name));
  return policy.listeners
    .filter(({ name }) => !known.has(name))
    .map(({ name, line }) => `${authorization.policyFile}:${line} names listener ${name}, which does not exist.`);
}
