/** What is attacked: the gateway before Mosquitto with its own defaults, and Mosquitto by itself, with the same users and grants. */
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemChance } from '../../src/base/chance.ts';
import { hashPassword } from '../../src/policy/identity/password-hash.ts';
import { passwordFile } from '../../test/kit/passwords.ts';
import { freePort, Program } from '../../test/kit/process.ts';
import { startProgram } from '../peers/program.ts';

const COMMAND = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const UNIT = fileURLToPath(new URL('../../deploy/sallyport.service', import.meta.url));
/** Cheap hashes, so that a reconnect storm of the bench's own clients costs nothing; the one that is guessed at is not cheap. */
const USERS = { good: 'good password', guest: 'guest password' };
const GUESSED = 'a password that is not guessed';
const ACL = ['user good', 'topic readwrite good/#', 'user guest', 'topic readwrite guest/#'];

export interface Attacked {
  readonly title: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export const GOOD_LOGIN = { username: 'good', password: USERS.good };

export async function startMosquittoAlone(directory: string): Promise<Attacked> {
  const port = await freePort();
  const at = (name: string): string => join(directory, name);
  await writeFile(at('passwords'), passwordFile({ ...USERS, admin: GUESSED }), { mode: 0o600 });
  await writeFile(at('acl-file'), [...ACL, ''].join('\n'), { mode: 0o600 });
  const lines = [
    'user root',
    'allow_anonymous false',
    `password_file ${at('passwords')}`,
    `acl_file ${at('acl-file')}`,
    'set_tcp_nodelay true',
    'persistence false',
    'log_dest none',
    `listener ${port} 127.0.0.1`,
    '',
  ];
  await writeFile(at('mosquitto.conf'), lines.join('\n'));
  const program = await startProgram('mosquitto', 'mosquitto', ['-c', at('mosquitto.conf')], [port]);
  return { title: 'Mosquitto', port, ...program };
}

/** What the unit that ships gives the gateway. */
async function environmentOfUnit(): Promise<Record<string, string>> {
  const unit = await readFile(UNIT, 'utf8');
  return Object.fromEntries([...unit.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

interface Guarding {
  /** A directory for a processor profile of the gateway's main thread. */
  readonly profile: string | undefined;
  /** One process where there is no number. */
  readonly workers: number | undefined;
}

export async function startGuarded(
  directory: string,
  behind: Attacked,
  { profile, workers }: Guarding,
): Promise<Attacked> {
  const port = await freePort();
  const at = (name: string): string => join(directory, name);
  const admin = await hashPassword(Buffer.from(GUESSED), systemChance);
  await writeFile(at('users'), `${passwordFile(USERS)}admin:${admin}\n`, { mode: 0o600 });
  await writeFile(at('acl'), [...ACL, ''].join('\n'));
  const config = {
    listeners: [{ name: 'plain', type: 'tcp', address: '127.0.0.1', port }],
    upstream: `mqtt://127.0.0.1:${behind.port}`,
    log: { destination: 'events.log' },
    ...(workers !== undefined && { workers }),
    // Five minutes of standing are more than the bench lasts.
    overload: { knownGood: { connectedMin: '1s' } },
  };
  // JSON is YAML.
  await writeFile(at('sallyport.yaml'), JSON.stringify(config, undefined, 2));
  const profiling = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', resolve(profile)];
  const args = [...profiling, COMMAND, 'start', '--data', directory];
  const program = await Program.start(process.execPath, args, [port], { env: await environmentOfUnit() });
  const stop = async (): Promise<void> => {
    await program.end();
    await behind.stop();
  };
  return { title: 'Sallyport > Mosquitto', port, pid: program.child.pid!, stop };
}
