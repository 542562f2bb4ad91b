/** Runs `nft`, with a ceiling of time and output, and says in an operator's words why it could not do something. */
import { execFile } from 'node:child_process';

const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;
const RUN_MAX_MS = 30_000;
const SAID_MAX_CHARS = 400;
/** Only the system's own folders: what may change the firewall does not depend on a caller's PATH. */
const ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

export type NftOutcome =
  | { readonly ok: true; readonly stdout: string }
  /** `says`: what is wrong and the cure. `isAbsent`: what was named is not there. */
  | { readonly ok: false; readonly says: string; readonly isAbsent: boolean };

/** `input` goes to its standard input. */
export type RunNft = (args: readonly string[], input?: string) => Promise<NftOutcome>;

/** Exported for its test. */
export function failed(error: Error & { code?: unknown; killed?: boolean }, stderr: string): NftOutcome {
  const fail = (says: string, isAbsent = false): NftOutcome => ({ ok: false, says, isAbsent });
  if (error.code === 'ENOENT') return fail('nft is not installed: install the package nftables');
  if (error.killed === true) return fail(`nft had not ended after ${RUN_MAX_MS / 1000} s`);
  if (/Operation not permitted|must be root|Permission denied/.test(stderr) || error.code === 'EACCES') {
    return fail('this user may not change the firewall: run as root, or give the capability CAP_NET_ADMIN');
  }
  const said = (stderr.trim().split('\n')[0] ?? '').slice(0, SAID_MAX_CHARS) || error.message.slice(0, SAID_MAX_CHARS);
  return fail(`nft: ${said}`, /No such file or directory/.test(said));
}

export const runNft: RunNft = (args, input = '') =>
  new Promise((resolve) => {
    const options = {
      env: ENVIRONMENT,
      cwd: '/',
      timeout: RUN_MAX_MS,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_MAX_BYTES,
      encoding: 'utf8',
    } as const;
    const child = execFile('nft', [...args], options, (error, stdout, stderr) => {
      resolve(error === null ? { ok: true, stdout } : failed(error, stderr));
    });
    // It may end before it has read everything; its exit says why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
