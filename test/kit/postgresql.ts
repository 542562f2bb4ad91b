/** Starts a PostgreSQL server of its own, where the machine has one, in a temporary directory and as a user that it accepts. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeCa, makeCertificate } from './certificates.ts';
import { freePort, HOST, Program, removeDirectory, runToEnd, temporaryDirectory } from './process.ts';

const VERSIONS = '/usr/lib/postgresql';
const OWNER = 'postgres';
const PASSWORD = 'throwaway-owner';

function newest(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const versions = readdirSync(VERSIONS).filter((version) => existsSync(path.join(VERSIONS, version, 'bin', 'initdb')));
  const last = versions.sort((a, b) => Number(a) - Number(b)).at(-1);
  return last === undefined ? undefined : path.join(VERSIONS, last, 'bin');
}

const BIN = newest();
/** It refuses to run as root. */
const IS_ROOT = process.getuid?.() === 0;
export const withoutPostgresql = BIN === undefined ? 'postgresql is not installed' : false;

export interface RunningPostgresql {
  readonly port: number;
  readonly caFile: string;
  readonly program: Program;
  /** Account of the database's owner. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  sql(text: string): Promise<void>;
  stop(): Promise<void>;
}

function idOf(what: '-u' | '-g'): number {
  return Number(spawnSync('id', [what, OWNER], { encoding: 'utf8' }).stdout);
}

function asOwner(command: string, args: readonly string[]): [string, string[]] {
  return IS_ROOT
    ? ['setpriv', ['--reuid', OWNER, '--regid', OWNER, '--clear-groups', command, ...args]]
    : [command, [...args]];
}

export async function startPostgresql(): Promise<RunningPostgresql> {
  const directory = await temporaryDirectory('postgresql');
  const at = (name: string): string => path.join(directory, name);
  const port = await freePort();
  const ca = await makeCa('Database CA');
  const certificate = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
  const files = {
    'ca.pem': ca.certificatePem,
    'server.pem': certificate.certificatePem,
    'server.key': certificate.keyPem,
    password: PASSWORD,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(at(name), text, { mode: 0o600 });
    if (IS_ROOT) await chown(at(name), idOf('-u'), idOf('-g'));
  }
  await chmod(directory, 0o755);
  if (IS_ROOT) await chown(directory, idOf('-u'), idOf('-g'));
  const user = 'owner';
  const init = [
    '-D',
    at('data'),
    '-U',
    user,
    `--pwfile=${at('password')}`,
    '-A',
    'scram-sha-256',
    '--no-sync',
    '-E',
    'UTF8',
  ];
  const made = await runToEnd(...asOwner(path.join(BIN!, 'initdb'), init), { cwd: directory });
  if (made.code !== 0) throw new Error(made.out + made.err);
  const settings = {
    listen_addresses: HOST,
    port: String(port),
    unix_socket_directories: '',
    fsync: 'off',
    ssl: 'on',
    ssl_cert_file: at('server.pem'),
    ssl_key_file: at('server.key'),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const program = await Program.start(...asOwner(path.join(BIN!, 'postgres'), ['-D', at('data'), ...options]), [port], {
    cwd: directory,
  });
  const running: RunningPostgresql = {
    port,
    caFile: at('ca.pem'),
    program,
    user,
    password: PASSWORD,
    database: 'postgres',
    async sql(text) {
      const file = at('input.sql');
      await writeFile(file, text);
      const args = ['-h', HOST, '-p', String(port), '-U', user, '-v', 'ON_ERROR_STOP=1', '-q', '-f', file, 'postgres'];
      const { code, out, err } = await runToEnd(path.join(BIN!, 'psql'), args, {
        cwd: directory,
        env: { PGPASSWORD: PASSWORD },
      });
      if (code !== 0) throw new Error(out + err);
    },
    async stop() {
      // Clients that are still there are not waited for.
      await program.end('SIGINT');
      await removeDirectory(directory);
    },
  };
  return running;
}
