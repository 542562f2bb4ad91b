/** The control socket: how commands on this machine speak to the running gateway. Its file's mode is the access control. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { OperatorError } from '../config/problem.ts';
import { LineReader } from './line-reader.ts';
import {
  CONTROL_VERSION,
  type ControlAnswer,
  type ParsedRequest,
  parseRequest,
  REQUEST_LENGTH_MAX_BYTES,
} from './protocol.ts';

const CONNECTIONS_MAX = 16;
/** From the open connection to a whole request; the work it asks for has no such limit. */
const REQUEST_TIMEOUT_MS = 5000;
/** A socket's path ends up in a fixed field of the kernel's: 108 bytes on Linux, 104 elsewhere, one of them a NUL. */
const PATH_LENGTH_MAX_BYTES = process.platform === 'linux' ? 107 : 103;

export interface ControlServerOptions {
  readonly path: string;
  readonly clock: Clock;
  /** Does what was asked. What it throws becomes the answer. */
  readonly handle: (asked: ParsedRequest) => Promise<unknown>;
}

export interface ControlServer {
  /** Stops listening and removes the socket's file. */
  close(): Promise<void>;
}

/**
 * Listens at `path`. INVARIANT: the caller holds the lock of the data directory, so that a socket which is there already is
 * a dead one's. Throws an `OperatorError` where the socket cannot be made.
 */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { path } = options;
  const lengthBytes = Buffer.byteLength(path);
  if (lengthBytes > PATH_LENGTH_MAX_BYTES) {
    throw new OperatorError(
      `The path of the control socket is ${lengthBytes} bytes long, and the system takes ${PATH_LENGTH_MAX_BYTES}: choose a shorter dataDirectory than ${path}.`,
    );
  }
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serve(socket, options);
  });
  server.maxConnections = CONNECTIONS_MAX;

  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ message }) => {
      reject(new OperatorError(`The control socket ${path} cannot be made: ${message}.`));
    });
    // The file must never be there with more rights, not even until the next line.
    const umask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(umask);
    }
  });
  chmodSync(path, 0o600);
  // A client that vanishes, or too many at once, are not the gateway's trouble.
  server.on('error', () => undefined);

  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function serve(socket: Socket, { clock, handle }: ControlServerOptions): void {
  const reader = new LineReader(REQUEST_LENGTH_MAX_BYTES);
  let asked = false;
  const deadline = clock.after(REQUEST_TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.once('close', () => deadline.cancel());

  const answer = (content: ControlAnswer): void => {
    if (socket.destroyed) return;
    socket.end(`${JSON.stringify(content)}\n`, () => socket.destroySoon());
  };
  const refuse = (says: string): void => answer({ v: CONTROL_VERSION, ok: false, says });

  const obey = async (request: ParsedRequest): Promise<void> => {
    try {
      answer({ v: CONTROL_VERSION, ok: true, result: await handle(request) });
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error));
    }
  };

  socket.on('data', (chunk: Buffer) => {
    if (asked) return;
    const taken = reader.take(chunk);
    if (taken === undefined) return;
    asked = true;
    deadline.cancel();
    if (taken === 'too long') return refuse(`a request has at most ${REQUEST_LENGTH_MAX_BYTES} bytes`);
    const parsed = parseRequest(taken.line);
    if ('says' in parsed) refuse(parsed.says);
    else void obey(parsed);
  });
  socket.on('end', () => {
    if (!asked) socket.destroy();
  });
}
