/** A bounded start of Mosquitto with a copy of its configuration, in a network of its own: nobody can connect, and no bridge gets out. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Directive } from '../brokers/mosquitto/directives.ts';

const TRIAL_MAX_MS = 10_000;
const OUTPUT_MAX_BYTES = 64 * 1024;
/** What must not be shared with the Mosquitto that runs. */
const LEFT_OUT =
  /^(?:include_dir|pid_file|log_dest|log_type|log_facility|persistence|bind_interface|bind_address|connection_messages)$/;

/** Undefined where it started; else why not. */
export async function mosquittoTrial(directives: readonly Directive[]): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-trial-'));
  try {
    const file = join(folder, 'mosquitto.conf');
    await writeFile(file, trialText(directives, folder), { mode: 0o600 });
    return await start(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The configuration in one file, with what it shares with a running one left out, and its addresses, which the trial's network lacks. */
export function trialText(directives: readonly Directive[], folder: string): string {
  const lines = directives.flatMap(({ name, value }) => {
    if (LEFT_OUT.test(name)) return [];
    if (name !== 'listener') return [`${name} ${value}`];
    const [port = '', address] = value.split(/\s+/, 2);
    return [port === '0' && address !== undefined ? `listener 0 ${join(folder, 'socket')}` : `listener ${port}`];
  });
  return `${['log_dest stderr', 'log_type all', ...lines].join('\n')}\n`;
}

function start(file: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const script = 'ip link set lo up && exec mosquitto -c "$1"';
  const child = spawn('unshare', ['--net', 'sh', '-c', script, 'sh', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
    timeout: TRIAL_MAX_MS,
    killSignal: 'SIGKILL',
  });
  let said = '';
  let isRunning = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < OUTPUT_MAX_BYTES) said += text;
    if (isRunning || !/^\d*:? ?mosquitto version \S+ running/m.test(said)) return;
    isRunning = true;
    child.kill('SIGKILL');
  });
  child.on('error', ({ message }) => resolve(`Mosquitto could not be tried: ${message}.`));
  child.on('close', (code, signal) => {
    if (isRunning) return resolve(undefined);
    const last = said.trim().split('\n').slice(-3).join(' | ').slice(-500);
    resolve(`Mosquitto did not start with it (${code ?? signal}): ${last === '' ? 'it said nothing' : last}`);
  });
  return promise;
}
