/** Loads a ruleset in a network of its own, where it filters nobody: what nft makes of it there is what it would be here. */
import { spawn } from 'node:child_process';
import { type Fact, known, unknown } from '../model/fact.ts';

const TRIAL_MAX_MS = 10_000;
const OUTPUT_MAX_BYTES = 4 * 1024 * 1024;

/** `nft -j list ruleset` after it was loaded. */
export function rulesetTrial(ruleset: string): Promise<Fact<string>> {
  const { promise, resolve } = Promise.withResolvers<Fact<string>>();
  const child = spawn('unshare', ['--net', 'sh', '-c', 'nft -f - && exec nft -j list ruleset'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
    timeout: TRIAL_MAX_MS,
    killSignal: 'SIGKILL',
  });
  let [listed, said] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (listed.length < OUTPUT_MAX_BYTES) listed += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < OUTPUT_MAX_BYTES) said += text;
  });
  child.on('error', ({ message }) => resolve(unknown('tool-missing', `The ruleset could not be tried: ${message}.`)));
  child.on('close', (code) => {
    if (code === 0) return resolve(known(listed, 'nft -j list ruleset'));
    const why = said.trim().split('\n')[0]?.slice(0, 300) ?? '';
    resolve(unknown('command-failed', `nft does not take the ruleset in a network of its own (as root): ${why}`));
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(ruleset);
  return promise;
}
