/** Starts the process that takes an unconfirmed ruleset back, and that outlives the command, its shell and its connection. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Chance } from '../../base/chance.ts';
import { OperatorError } from '../config/problem.ts';

/** Resolves with the mark of the apply that it watches, once it stands. @throws {OperatorError} where it cannot be started. */
export async function startRevertWatch(delayMs: number, chance: Chance): Promise<string> {
  const mark = Buffer.from(chance.bytes(6)).toString('hex');
  const entry = import.meta.url.endsWith('.ts') ? './revert-watch-process.ts' : './revert-watch-process.js';
  const file = fileURLToPath(new URL(entry, import.meta.url));
  const child = spawn(process.execPath, [file, String(delayMs), mark], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const stands = await Promise.race([
    once(child, 'message').then(() => true),
    once(child, 'exit').then(() => false),
  ]).catch(() => false);
  if (!stands) {
    throw new OperatorError(
      'The firewall is as it was: the process that would take the ruleset back cannot be started.',
    );
  }
  child.disconnect();
  child.unref();
  return mark;
}
