/** Starts a Redis server of its own, where the machine has one; it keeps nothing on disk. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeCa, makeCertificate } from './certificates.ts';
import { freePort, HOST, Program, removeDirectory, runToEnd, temporaryDirectory } from './process.ts';

export const withoutRedis =
  spawnSync('redis-server', ['--version']).error === undefined ? false : 'redis-server is not installed';

export interface RunningRedis {
  readonly port: number;
  readonly tlsPort: number;
  readonly caFile: string;
  readonly password: string;
  readonly program: Program;
  /** One command, its words. */
  command(...words: string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<RunningRedis> {
  const directory = await temporaryDirectory('redis');
  const at = (name: string): string => path.join(directory, name);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const ca = await makeCa('Redis CA');
  const certificate = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
  const files = {
    'ca.pem': ca.certificatePem,
    'server.pem': certificate.certificatePem,
    'server.key': certificate.keyPem,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text, { mode: 0o600 });
  const password = 'throwaway-redis';
  const settings = {
    bind: HOST,
    port: String(port),
    'tls-port': String(tlsPort),
    'tls-cert-file': at('server.pem'),
    'tls-key-file': at('server.key'),
    'tls-ca-cert-file': at('ca.pem'),
    'tls-auth-clients': 'no',
    requirepass: password,
    save: '""',
    dir: directory,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  await writeFile(at('redis.conf'), `${lines.join('\n')}\n`, { mode: 0o600 });
  const program = await Program.start('redis-server', [at('redis.conf')], [port, tlsPort]);
  return {
    port,
    tlsPort,
    caFile: at('ca.pem'),
    password,
    program,
    async command(...words) {
      const args = ['-h', HOST, '-p', String(port), ...words];
      const { code, out, err } = await runToEnd('redis-cli', args, { env: { REDISCLI_AUTH: password } });
      if (code !== 0) throw new Error(out + err);
      return out;
    },
    async stop() {
      await program.end();
      await removeDirectory(directory);
    },
  };
}
