/** Asks the running gateway through its control socket. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { userInfo } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { USER_HEADER } from './local-authenticator.ts';
import { PROBLEM_MEDIA_TYPE, type ProblemDetails, problemSchema } from './problem-details.ts';
import type { Method } from './route.ts';

/** A reload reads files and derives nothing slow; a gateway that takes longer is stuck. */
export const ANSWER_TIMEOUT_MS = 60_000;
/** What only looks costs little, however much there is: whoever asks in a hurry is told sooner. */
export const LOOK_TIMEOUT_MS = 15_000;
/** A thousand bans or journal records, with room to spare. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;

/** What is asked: an operation of docs/openapi.json. */
export interface ControlRequest {
  readonly method: Method;
  /** With what it names already encoded: see `inPath`. */
  readonly path: `/v1/${string}`;
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: unknown;
  /** How long to wait for the answer; where it is absent a minute, or a quarter of one for what only looks. */
  readonly answerTimeoutMs?: number;
}

export type ControlOutcome =
  /** Null where there is no content. */
  | { readonly kind: 'answered'; readonly result: unknown }
  | { readonly kind: 'refused'; readonly says: string; readonly status: number }
  /** Nobody listens there. */
  | { readonly kind: 'not running' }
  /** Somebody does, but it went wrong. */
  | { readonly kind: 'failed'; readonly says: string };

const NOT_RUNNING = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK']);
/** Said of one that takes longer. */
export const SILENT = 'the gateway does not answer: see its log, and restart it if it stays so';
const STRANGE = 'the gateway answers in a way this version does not know';

/** A name as one step of a path. */
export function inPath(name: string): string {
  return encodeURIComponent(name);
}

/** The user of this process, and who became it by sudo. */
export function whoAsks(): string {
  const { SUDO_USER: sudoUser } = process.env;
  try {
    const { username } = userInfo();
    return sudoUser === undefined ? username : `${username}(${sudoUser})`;
  } catch {
    // A user without a name, as in some containers.
    return `uid-${process.getuid?.() ?? '?'}`;
  }
}

function targetOf({ path, query = {} }: ControlRequest): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of [value ?? []].flat()) parameters.append(key, each);
  }
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** What a request over the control socket is made with, for whoever reads a stream. */
export function requestOptions(socketPath: string, asked: ControlRequest) {
  const body = asked.body === undefined ? undefined : Buffer.from(JSON.stringify(asked.body));
  const headers: Record<string, string> = { host: 'localhost', connection: 'close', [USER_HEADER]: whoAsks() };
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(body.length);
  }
  return { options: { socketPath, method: asked.method, path: targetOf(asked), headers, agent: false }, body };
}

/** Why there is no answer. */
export function failureOf(error: NodeJS.ErrnoException, path: string): ControlOutcome {
  const { code = '', message } = error;
  if (NOT_RUNNING.has(code)) return { kind: 'not running' };
  if (code === 'EACCES')
    return {
      kind: 'failed',
      says: `permission to use ${path} is denied: ask as the user whom the gateway runs as, or as root`,
    };
  if (code === 'ECONNRESET') return { kind: 'failed', says: 'the gateway hung up without an answer' };
  return { kind: 'failed', says: code.startsWith('HPE_') ? STRANGE : message };
}

/** Never rejects. */
export function askGateway(path: string, asked: ControlRequest, clock: Clock): Promise<ControlOutcome> {
  return new Promise((resolve) => {
    const { options, body } = requestOptions(path, asked);
    const request = httpRequest(options);
    const finish = (outcome: ControlOutcome): void => {
      timer.cancel();
      request.destroy();
      resolve(outcome);
    };
    const { answerTimeoutMs = asked.method === 'GET' ? LOOK_TIMEOUT_MS : ANSWER_TIMEOUT_MS } = asked;
    const timer = clock.after(answerTimeoutMs, () => finish({ kind: 'failed', says: SILENT }));
    request.on('error', (error) => finish(failureOf(error, path)));
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let lengthBytes = 0;
      response.on('data', (chunk: Buffer) => {
        lengthBytes += chunk.length;
        if (lengthBytes > ANSWER_MAX_BYTES) finish({ kind: 'failed', says: STRANGE });
        else chunks.push(chunk);
      });
      response.on('error', (error) => finish(failureOf(error, path)));
      response.on('end', () => finish(outcomeOf(response, Buffer.concat(chunks))));
    });
    request.end(body);
  });
}

function outcomeOf({ statusCode = 0, headers }: IncomingMessage, body: Buffer): ControlOutcome {
  if (statusCode === 204) return { kind: 'answered', result: null };
  const type = headers['content-type'];
  const content = parsed(body);
  if (statusCode >= 200 && statusCode < 300 && type === 'application/json' && content !== undefined) {
    return { kind: 'answered', result: content };
  }
  const problem = type === PROBLEM_MEDIA_TYPE ? problemSchema.safeParse(content) : undefined;
  if (problem?.success !== true) return { kind: 'failed', says: STRANGE };
  return { kind: 'refused', says: sentenceOf(problem.data), status: statusCode };
}

function sentenceOf({ detail, errors = [] }: ProblemDetails): string {
  return errors.length < 2
    ? detail
    : [detail, ...errors.map((each) => `${each.in} ${each.at}: ${each.says}`)].join('\n');
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
