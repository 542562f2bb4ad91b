/** A real fail2ban with what `deploy/fail2ban` ships, in a directory of its own. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runToEnd } from './process.ts';

const SYSTEM = '/etc/fail2ban';
const SHIPPED = fileURLToPath(new URL('../../deploy/fail2ban', import.meta.url));
export const FILTER = path.join(SHIPPED, 'filter.d', 'sallyport.conf');

/** For tests that need it: why they are skipped, or false. */
export const withoutFail2ban: string | false =
  spawnSync('fail2ban-client', ['--version']).error === undefined && existsSync(SYSTEM)
    ? false
    : 'fail2ban is not installed';

/** The addresses that the filter finds in the log, one for each line that matches. */
export async function addressesIn(logFile: string): Promise<string[]> {
  const { code, out, err } = await runToEnd('fail2ban-regex', ['--usedns', 'no', '-o', 'ip', logFile, FILTER]);
  // It ends with another code than 0 where it finds nothing.
  if (code !== 0 && out.trim() !== '') throw new Error(`fail2ban-regex: ${err}${out}`);
  return out.split('\n').filter((line) => line !== '');
}

/** Debian's configuration with the shipped filter and jail, and with `local` over the jail; returns the arguments for the server. */
export function fail2banIn(directory: string, local: Readonly<Record<string, string>>): string[] {
  const config = path.join(directory, 'etc');
  mkdirSync(config);
  for (const name of ['fail2ban.conf', 'jail.conf', 'paths-common.conf', 'paths-debian.conf', 'action.d']) {
    symlinkSync(path.join(SYSTEM, name), path.join(config, name));
  }
  cpSync(SHIPPED, config, { recursive: true });
  const settings = Object.entries(local).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(path.join(config, 'jail.d', 'sallyport.local'), `[sallyport]\n${settings.join('')}`);
  const own = (name: string): string => path.join(directory, name);
  const database = `[DEFAULT]\ndbfile = ${own('fail2ban.sqlite3')}\n`;
  writeFileSync(path.join(config, 'fail2ban.local'), database);
  return [
    '-f',
    '-c',
    config,
    '-s',
    own('fail2ban.sock'),
    '-p',
    own('fail2ban.pid'),
    '--logtarget',
    own('fail2ban.log'),
  ];
}
