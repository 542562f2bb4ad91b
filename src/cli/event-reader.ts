/** Reads the stream of events from the running gateway. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { ANSWER_TIMEOUT_MS, failureOf, requestOptions, SILENT } from '../app/control/client.ts';
import { PROBLEM_MEDIA_TYPE, problemSchema } from '../app/control/problem-details.ts';
import type { Clock } from '../base/clock.ts';

export interface StreamRecord {
  /** Number of the event; of a `gap`, the last one that is missing. */
  readonly id: number;
  /** Name of the event, or `gap`. */
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type StreamEnd =
  | { readonly kind: 'not running' | 'ended' }
  | { readonly kind: 'failed' | 'refused'; readonly says: string };

/** A record is a line of JSON; the longest has some hundreds of texts of 512 characters. */
const RECORD_MAX_CHARS = 1024 * 1024;

/** Hands over each record as it comes. Resolves with why there are no more; never rejects. */
export function readEvents(
  socketPath: string,
  query: Readonly<Record<string, string | readonly string[] | undefined>>,
  lastId: number | undefined,
  onRecord: (record: StreamRecord) => void,
  clock: Clock,
): Promise<StreamEnd> {
  return new Promise((resolve) => {
    const { options } = requestOptions(socketPath, { method: 'GET', path: '/v1/events', query });
    const headers = { ...options.headers, ...(lastId === undefined ? {} : { 'last-event-id': String(lastId) }) };
    const request = httpRequest({ ...options, headers });
    // The answer begins at once, whatever there is to tell.
    const timer = clock.after(ANSWER_TIMEOUT_MS, () => {
      resolve({ kind: 'failed', says: SILENT });
      request.destroy();
    });
    const failed = (error: NodeJS.ErrnoException): void => {
      timer.cancel();
      const failure = failureOf(error, socketPath);
      resolve(failure.kind === 'failed' ? { kind: 'failed', says: failure.says } : { kind: 'not running' });
    };
    request.on('error', failed);
    request.on('response', (response) => {
      timer.cancel();
      response.setEncoding('utf8');
      response.on('error', () => resolve({ kind: 'ended' }));
      if (response.statusCode !== 200) {
        void refusalOf(response).then((says) => resolve({ kind: 'refused', says }));
        return;
      }
      let held = '';
      response.on('data', (text: string) => {
        held += text;
        const blocks = held.split('\n\n');
        held = blocks.pop() ?? '';
        if (held.length > RECORD_MAX_CHARS) request.destroy();
        for (const block of blocks) {
          const record = recordOf(block);
          if (record !== undefined) onRecord(record);
        }
      });
      response.on('end', () => resolve({ kind: 'ended' }));
    });
    request.end();
  });
}

async function refusalOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response as AsyncIterable<string>) text += piece;
  if (response.headers['content-type'] === PROBLEM_MEDIA_TYPE) {
    const problem = problemSchema.safeParse(jsonOf(text));
    if (problem.success) return problem.data.detail;
  }
  return 'the gateway answers in a way this version does not know';
}

/** Undefined for a comment, and for what is no record of ours. */
function recordOf(block: string): StreamRecord | undefined {
  const fields = new Map(
    block
      .split('\n')
      .map((line) => /^(\w+): ?(.*)$/.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1]!, match[2]!] as const])),
  );
  const data = jsonOf(fields.get('data') ?? '');
  const id = Number(fields.get('id'));
  if (typeof data !== 'object' || data === null || !Number.isSafeInteger(id)) return undefined;
  return { id, event: fields.get('event') ?? '', data: data as StreamRecord['data'] };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
