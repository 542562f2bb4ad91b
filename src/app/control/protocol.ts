/** What is spoken over the control socket: one line of JSON asks, one line of JSON answers, and the connection is over. */

/** Grows when a request or an answer changes its meaning. */
export const CONTROL_VERSION = 1;

export const CONTROL_SOCKET = 'control.sock';

/** A request is a few words; an answer may carry the errors of a configuration. */
export const REQUEST_LENGTH_MAX_BYTES = 4096;
export const ANSWER_LENGTH_MAX_BYTES = 1024 * 1024;

export const CONTROL_REQUESTS = [
  'reload',
  'restart',
  'status',
  'upstream-list',
  'upstream-drain',
  'upstream-eject',
  'upstream-return',
  'limits-set',
  'limits-unset',
  'limits-list',
  'limits-show',
  'ban-add',
  'ban-remove',
  'ban-list',
  'ban-why',
  'policy-shadow',
  'learn-start',
  'learn-stop',
  'learn-clear',
  'learn-status',
  'learn-save',
  'audit-note',
] as const;
export type ControlRequest = (typeof CONTROL_REQUESTS)[number];

/** These only look, or are told to the journal as events of their own; every other request is an action of an operator's, and is journaled. */
const LOOKS: ReadonlySet<ControlRequest> = new Set<ControlRequest>([
  'ban-list',
  'ban-why',
  'status',
  'upstream-list',
  'limits-list',
  'limits-show',
  'policy-shadow',
  'learn-status',
  'learn-save',
  'audit-note',
]);

export function isAction(request: ControlRequest): boolean {
  return !LOOKS.has(request);
}

/** Who asks, as the asking side says it: the socket's mode decides who may, and this is for the record alone. */
const WHO = /^[\w.@()-]{1,64}$/;

export interface ParsedRequest {
  readonly request: ControlRequest;
  readonly words: readonly string[];
  readonly who: string;
}

export type ControlAnswer =
  | { readonly v: number; readonly ok: true; readonly result: unknown }
  | { readonly v: number; readonly ok: false; readonly says: string };

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The request, or a sentence that says what is wrong with it. */
export function parseRequest(line: string): ParsedRequest | { says: string } {
  const value = parseJson(line);
  if (!isRecord(value)) return { says: 'the request is not a JSON object' };
  if (value['v'] !== CONTROL_VERSION)
    return { says: `only version ${CONTROL_VERSION} of the control protocol is spoken` };
  const request = CONTROL_REQUESTS.find((known) => known === value['do']);
  if (request === undefined) return { says: `the request is unknown; known are: ${CONTROL_REQUESTS.join(', ')}` };
  const words = value['words'] ?? [];
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    return { says: 'the words of the request are not a list of texts' };
  }
  const who = typeof value['who'] === 'string' && WHO.test(value['who']) ? value['who'] : 'unknown';
  return { request, words, who };
}

/** The answer, or undefined where the line is none. */
export function parseAnswer(line: string): ControlAnswer | undefined {
  const value = parseJson(line);
  if (!isRecord(value) || typeof value['v'] !== 'number') return undefined;
  if (value['ok'] === true) return { v: value['v'], ok: true, result: value['result'] };
  if (value['ok'] === false && typeof value['says'] === 'string')
    return { v: value['v'], ok: false, says: value['says'] };
  return undefined;
}
