/** What a configuration may say and probably should not: not wrong, and so no reason to refuse, but worth a line. */
import { stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Config, ListenerConfig } from '../app/config/config.ts';

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
    ...config.listeners.flatMap(({ tls }) => tls?.certificates.map(({ key }) => key) ?? []),
  ];
  const files = [...new Set(secrets)];
  const open = await Promise.all(files.map(isOpenToAll));
  return [
    ...config.listeners.flatMap(listenerRisks),
    ...files
      .filter((_, index) => open[index])
      .map((file) => `Every user of this machine has access to ${file}: chmod o= ${file}`),
  ];
}
