/** What listens on the machine, from ss(8). */
import { isIPv4 } from 'node:net';
import { type Fact, mapFact, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export interface ListeningSocket {
  readonly protocol: 'tcp' | 'udp';
  /** `*` for every address of both families; IPv6 without brackets, without a zone. */
  readonly address: string;
  readonly port: number;
  /** Name of the process; undefined where this user may not see it. */
  readonly process: string | undefined;
  /** Of that process; of the first where several share the socket. */
  readonly pid?: number;
}

export function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  return plain === '::1' || plain === 'localhost' || (isIPv4(plain) && plain.startsWith('127.'));
}

export async function collectSockets(system: AuditedSystem): Promise<Fact<readonly ListeningSocket[]>> {
  return mapFact(await system.run('ss', ['-Htulnp']), ({ exitCode, stdout }) => {
    if (exitCode !== 0) return unknown('command-failed', `ss ended with exit code ${exitCode}.`);
    return stdout.split('\n').flatMap(socketOf);
  });
}

function socketOf(line: string): ListeningSocket[] {
  const [netid, , , , local = '', , ...rest] = line.trim().split(/\s+/);
  if (netid !== 'tcp' && netid !== 'udp') return [];
  const colon = local.lastIndexOf(':');
  const port = Number(local.slice(colon + 1));
  if (colon === -1 || !Number.isInteger(port)) return [];
  const address = local
    .slice(0, colon)
    .replace(/%.*$/, '')
    .replace(/^\[|\]$/g, '');
  const owner = /\(\("([^"]*)",pid=(\d+)/.exec(rest.join(' '));
  const process = owner?.[1] ?? /\(\("([^"]*)"/.exec(rest.join(' '))?.[1];
  return [{ protocol: netid, address, port, process, ...(owner === null ? {} : { pid: Number(owner[2]) }) }];
}
