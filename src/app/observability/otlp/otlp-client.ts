/** Sends one request of OTLP over HTTP, and tells what the collector made of it. */
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Clock } from '../../../base/clock.ts';
import { boundInterimAnswers } from '../../interim-answers.ts';

export interface OtlpClientOptions {
  readonly url: string;
  readonly tls: ConnectionOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly isCompressed: boolean;
  readonly clock: Clock;
}

/** `again`: it may be sent again, at the earliest after `afterMs`. `refused`: it would be refused again. */
export type OtlpOutcome =
  | { readonly kind: 'taken'; readonly rejected: number }
  | { readonly kind: 'again'; readonly says: string; readonly afterMs: number }
  | { readonly kind: 'refused'; readonly says: string };

export interface OtlpClient {
  /** Never rejects. */
  send(path: '/v1/logs' | '/v1/metrics', content: object): Promise<OtlpOutcome>;
  close(): void;
}

/** Those that the specification says may be sent again. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const ANSWER_MAX_BYTES = 64 * 1024;
const RETRY_AFTER_MAX_S = 300;
const IDLE_TIMEOUT_MS = 90_000;
const gzipped = promisify(gzip);

export function openOtlpClient(options: OtlpClientOptions): OtlpClient {
  const isSecure = options.url.startsWith('https:');
  const pool = { keepAlive: true, maxSockets: 2, timeout: IDLE_TIMEOUT_MS };
  const agent = isSecure ? new HttpsAgent({ ...pool, ...options.tls }) : new HttpAgent(pool);
  return {
    async send(path, content) {
      try {
        return await post(options, agent, path, content);
      } catch (error) {
        return { kind: 'again', says: (error as Error).message, afterMs: 0 };
      }
    },
    close: () => agent.destroy(),
  };
}

async function post(
  { url, headers, timeoutMs, isCompressed, clock }: OtlpClientOptions,
  agent: HttpAgent | HttpsAgent,
  path: string,
  content: object,
): Promise<OtlpOutcome> {
  const json = JSON.stringify(content);
  const body = isCompressed ? await gzipped(json, { level: constants.Z_BEST_SPEED }) : Buffer.from(json);
  const target = `${url.replace(/\/+$/, '')}${path}`;
  return new Promise((resolve, reject) => {
    const make = url.startsWith('https:') ? requestHttps : requestHttp;
    const asked = make(target, {
      method: 'POST',
      agent,
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': body.length,
        'accept-encoding': 'identity',
        ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
      },
    });
    const fail = (error: Error): void => {
      deadline.cancel();
      asked.destroy();
      reject(error);
    };
    const deadline = clock.after(timeoutMs, () => fail(new Error(`there was no answer within ${timeoutMs} ms`)));
    asked.on('error', fail);
    boundInterimAnswers(asked);
    asked.on('response', (answer) => {
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      answer.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > ANSWER_MAX_BYTES) fail(new Error(`the answer is larger than ${ANSWER_MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      answer.on('error', fail);
      answer.on('end', () => {
        deadline.cancel();
        resolve(outcomeOf(answer, Buffer.concat(chunks).toString('utf8')));
      });
    });
    asked.end(body);
  });
}

function outcomeOf({ statusCode = 0, headers }: IncomingMessage, body: string): OtlpOutcome {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'taken', rejected: rejectedIn(body) };
  const says = `the answer has status ${statusCode}`;
  if (!RETRYABLE.has(statusCode)) return { kind: 'refused', says };
  // The other form, a date, is as rare as collectors that ask for more than their own back-off.
  const seconds = Number(headers['retry-after'] ?? 0);
  const afterS = Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), RETRY_AFTER_MAX_S) : 0;
  return { kind: 'again', says, afterMs: afterS * 1000 };
}

/** What it has taken of the request but not kept. */
function rejectedIn(body: string): number {
  try {
    const { partialSuccess } = JSON.parse(body) as { partialSuccess?: Record<string, unknown> };
    const count = Number(partialSuccess?.['rejectedLogRecords'] ?? 0);
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  } catch {
    // An answer in another form is one all the same.
    return 0;
  }
}
