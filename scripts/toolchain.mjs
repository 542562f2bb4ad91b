/** Where the repository is, which Node runs its parts, and how its scripts start child processes. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const BIN = join(ROOT, 'node_modules', '.bin');

/** The oldest Node that runs the sources; package.json's `engines` says the same. */
export const NODE_MINIMUM = [24, 9];

export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor >= NODE_MINIMUM[1]);
}

/** The pinned Node where the lockfile has one for this platform, else the one that runs this script. */
export function nodePath() {
  const pinned = join(BIN, 'node');
  return existsSync(pinned) ? pinned : process.execPath;
}

/** The environment of child processes: the repository's own tools come first. */
export function toolEnvironment() {
  return { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` };
}

/**
 * Runs a command to its end, without standard input. Its output goes to ours as it comes, or is only kept (`quiet`).
 * A command that outlives `limitMs` is killed together with the processes it started.
 */
export function run(command, args, { quiet = false, limitMs = 0, env = toolEnvironment() } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: limitMs > 0 });
    let output = '';
    const stop = (signal) => {
      try {
        process.kill(limitMs > 0 ? -child.pid : child.pid, signal);
      } catch {
        // It ended by itself in the meantime.
      }
    };
    const timer =
      limitMs > 0
        ? setTimeout(() => {
            // What hangs is among them; without procps it stays a secret.
            const { stdout } = spawnSync('ps', ['-o', 'pid,etime,args', '-s', String(child.pid)], { encoding: 'utf8' });
            process.stdout.write(`\nstill running after ${limitMs / 60_000} minutes, and now killed:\n${stdout ?? ''}`);
            stop('SIGKILL');
          }, limitMs)
        : undefined;
    const interrupt = () => {
      stop('SIGTERM');
      process.exit(130);
    };
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    const finish = (exitCode) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      resolve({ exitCode, output });
    };
    for (const [stream, sink] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (!quiet) sink.write(chunk);
      });
    }
    child.on('error', (error) => {
      output += `${error.message}\n`;
      finish(127);
    });
    child.on('close', (code) => finish(code ?? 1));
  });
}
