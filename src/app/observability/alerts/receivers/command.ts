/** A program of the operator's, without a shell: what there is to tell comes as JSON on its standard input, never as an argument. */
import { spawn } from 'node:child_process';
import { printable, printableJson } from '../../../../base/printable.ts';
import { DeliveryFailure } from '../delivery.ts';
import { jsonOf } from '../notification.ts';
import type { SendNotification } from './receiver.ts';

/** What it writes is read this far, and for the operator's eyes alone. */
const OUTPUT_KEPT_CHARS = 4096;
const SHOWN_LENGTH_MAX = 160;
/** It inherits no secrets of the gateway's. */
const ENVIRONMENT = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

export function commandReceiver(argv: readonly string[]): SendNotification {
  const [program = '', ...args] = argv;
  return (notification, signal) => {
    const input = `${printableJson(JSON.stringify(jsonOf(notification)))}\n`;
    return run(program, args, input, signal);
  };
}

function run(program: string, args: readonly string[], input: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = Object.fromEntries(
      ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    );
    // In a group of its own, so that what it has started ends with it.
    const child = spawn(program, args, {
      shell: false,
      detached: true,
      env,
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        if (said.length < OUTPUT_KEPT_CHARS) said += text.slice(0, OUTPUT_KEPT_CHARS - said.length);
      });
    }
    const kill = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended in this very moment.
      }
    };
    signal.addEventListener('abort', kill, { once: true });
    // A program that does not read its input is no fault of its own.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('error', ({ message }) => reject(new DeliveryFailure(message, true)));
    child.on('close', (code, killedBy) => {
      signal.removeEventListener('abort', kill);
      const how = killedBy === null ? `exit code ${code}` : `ended by ${killedBy}`;
      const told = `${how}${said.trim() === '' ? '' : `: ${shown(said)}`}`;
      if (code === 0) resolve(told);
      else reject(new DeliveryFailure(told, true));
    });
  });
}

function shown(text: string): string {
  const line = printable(text.trim());
  return line.length > SHOWN_LENGTH_MAX ? `${line.slice(0, SHOWN_LENGTH_MAX)}…` : line;
}
