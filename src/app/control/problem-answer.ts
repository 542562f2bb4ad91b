/** Turns whatever went wrong with a request into a problem, an answer, and an event where somebody should know. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FileFaultError } from '../../base/file-fault.ts';
import { OperatorError } from '../config/problem.ts';
import { ControlProblem, PROBLEM_MEDIA_TYPE, PROBLEMS } from './problem-details.ts';
import type { ControlServices } from './services.ts';

/** With every answer: nothing of it is kept, framed, run, or guessed at. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const REQUEST_SHOWN_MAX_CHARS = 200;
const WATCHED: ReadonlySet<number> = new Set([401, 403, 421, 429]);

type Services = Pick<ControlServices, 'chance' | 'emit'>;

/** Names an answer, so that the log can speak of it. */
export function newInstance({ chance }: Pick<ControlServices, 'chance'>): string {
  return `urn:sallyport:request:${chance.bytes(9).toString('base64url')}`;
}

export function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.search(/[?#]/);
  const path = end === -1 ? url : url.slice(0, end);
  return path.length > REQUEST_SHOWN_MAX_CHARS ? `${path.slice(0, REQUEST_SHOWN_MAX_CHARS)}…` : path;
}

/** What the framework complains of, by its code or by the status that it would answer with. */
const OF_FRAMEWORK: Readonly<Record<string, ControlProblem>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: new ControlProblem('bad-request', 'The body is empty: send JSON.'),
  FST_ERR_BAD_URL: new ControlProblem(
    'bad-request',
    'The path is not well-formed: two hexadecimal digits follow a percent sign.',
  ),
  FST_ERR_MAX_PARAM_LENGTH: new ControlProblem(
    'bad-request',
    'A name in the path is too long, as it is sent: name a client by its connection, such as c42.',
  ),
  413: new ControlProblem(
    'too-large',
    'The body is larger than is read here: 64 KiB where the document says nothing else.',
  ),
  415: new ControlProblem('unsupported-media-type', 'Send the body as JSON, with Content-Type: application/json.'),
};

/** Anything that is not meant for the asking side becomes an internal error, of which it learns no more. */
export function problemOf(error: unknown): ControlProblem {
  if (error instanceof ControlProblem) return error;
  if (error instanceof OperatorError || error instanceof FileFaultError)
    return new ControlProblem('refused', error.message);
  const { statusCode = 500, code = '' } = error as { statusCode?: number; code?: string };
  const known = OF_FRAMEWORK[code] ?? OF_FRAMEWORK[statusCode];
  if (known !== undefined) return known;
  if (statusCode >= 400 && statusCode < 500 && code.startsWith('FST_')) {
    return new ControlProblem('bad-request', (error as Error).message);
  }
  return new ControlProblem('internal', 'The gateway failed at this. Its log says more under the name in `instance`.');
}

export interface Asked {
  readonly request: IncomingMessage;
  readonly instance: string;
  /** Undefined on the control socket. */
  readonly address: string | undefined;
  /** The operator's name, where it is known. */
  readonly operator?: string | undefined;
}

/** Refusals that matter to the one who watches, and our own failures, are events. */
export function tellProblem({ emit }: Services, problem: ControlProblem, error: unknown, asked: Asked): void {
  const { request: raw, instance, address, operator } = asked;
  const request = `${raw.method ?? '?'} ${pathOf(raw)}`;
  if (problem.kind === 'internal') {
    const says = error instanceof Error ? error.message : String(error);
    emit({ name: 'control.failed', request, instance, says });
    return;
  }
  if (!WATCHED.has(problem.status)) return;
  emit({
    name: 'control.refused',
    request,
    status: problem.status,
    by: `control:${problem.by}`,
    says: problem.message,
    ...(operator === undefined ? {} : { operator }),
    ...(address === undefined ? {} : { address }),
  });
}

/** The answer to a request that does not reach the application; the connection ends with it. */
export function answerProblem(
  services: Services,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  address: string | undefined,
): void {
  const problem = problemOf(error);
  const instance = newInstance(services);
  tellProblem(services, problem, error, { request, instance, address });
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = JSON.stringify(problem.details(instance));
  response.writeHead(problem.status, { ...headersOf(problem, body) });
  response.end(body);
}

/** The same as bytes, for a socket on which there was no request. */
export function rawProblem(services: Pick<ControlServices, 'chance'>, problem: ControlProblem): string {
  const body = JSON.stringify(problem.details(newInstance(services)));
  const [status, title] = PROBLEMS[problem.kind];
  const head = Object.entries(headersOf(problem, body)).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${status} ${title}`, ...head, '', body].join('\r\n');
}

function headersOf(problem: ControlProblem, body: string): Record<string, string> {
  return {
    ...SAFE_HEADERS,
    ...problem.headers,
    connection: 'close',
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': String(Buffer.byteLength(body)),
  };
}
