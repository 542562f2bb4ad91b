/** Asks the running gateway through its control socket. */
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { LineReader } from './line-reader.ts';
import { ANSWER_LENGTH_MAX_BYTES, CONTROL_VERSION, type ControlRequest, parseAnswer } from './protocol.ts';

/** A reload reads files and derives nothing slow; a gateway that takes longer is stuck. */
const ANSWER_TIMEOUT_MS = 60_000;

export type ControlOutcome =
  | { readonly kind: 'answered'; readonly result: unknown }
  | { readonly kind: 'refused'; readonly says: string }
  /** Nobody listens there. */
  | { readonly kind: 'not running' }
  /** Somebody does, but it went wrong. */
  | { readonly kind: 'failed'; readonly says: string };

const NOT_RUNNING = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK']);

/** The user of this process, and who became it by sudo. */
function whoAsks(): string {
  const { SUDO_USER: sudoUser } = process.env;
  try {
    const { username } = userInfo();
    return sudoUser === undefined ? username : `${username}(${sudoUser})`;
  } catch {
    // A user without a name, as in some containers.
    return `uid-${process.getuid?.() ?? '?'}`;
  }
}

/** Never rejects. */
export function askGateway(
  path: string,
  request: ControlRequest,
  clock: Clock,
  words: readonly string[] = [],
): Promise<ControlOutcome> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const reader = new LineReader(ANSWER_LENGTH_MAX_BYTES);
    const finish = (outcome: ControlOutcome): void => {
      timer.cancel();
      socket.destroy();
      resolve(outcome);
    };
    const timer = clock.after(ANSWER_TIMEOUT_MS, () => finish({ kind: 'failed', says: 'the gateway does not answer' }));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (NOT_RUNNING.has(error.code ?? '')) finish({ kind: 'not running' });
      else if (error.code === 'EACCES') finish({ kind: 'failed', says: `permission to use ${path} is denied` });
      else finish({ kind: 'failed', says: error.message });
    });
    socket.on('data', (chunk: Buffer) => {
      const taken = reader.take(chunk);
      if (taken === undefined) return;
      const answer = taken === 'too long' ? undefined : parseAnswer(taken.line);
      if (answer === undefined)
        finish({ kind: 'failed', says: 'the gateway answers in a way this version does not know' });
      else if (answer.ok) finish({ kind: 'answered', result: answer.result });
      else finish({ kind: 'refused', says: answer.says });
    });
    socket.on('end', () => finish({ kind: 'failed', says: 'the gateway hung up without an answer' }));
    const asked = { v: CONTROL_VERSION, do: request, who: whoAsks(), ...(words.length > 0 ? { words } : {}) };
    socket.write(`${JSON.stringify(asked)}\n`);
  });
}
