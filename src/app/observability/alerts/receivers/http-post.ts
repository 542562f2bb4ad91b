/** One POST with a bounded answer: no redirects, no cookies, no pool of connections. */
import { type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { printable } from '../../../../base/printable.ts';
import { boundInterimAnswers } from '../../../interim-answers.ts';
import { DeliveryFailure } from '../delivery.ts';
import type { SecretEcho } from '../secret-echo.ts';

export interface HttpPost {
  readonly url: string;
  readonly tls: ConnectionOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Keeps what it may not repeat out of what is told of its answer. */
  readonly secrets: SecretEcho;
  readonly signal: AbortSignal;
}

const ANSWER_MAX_CHARS = 16 * 1024;
const HEADERS_MAX_BYTES = 8192;
const SHOWN_LENGTH_MAX = 120;
/** Statuses below 500 that may be another a moment later: Request Timeout, Too Early, Too Many Requests. */
const PASSING = new Set([408, 425, 429]);

/** Resolves with the status and the beginning of the answer. Rejects with a {@link DeliveryFailure} that names no secret. */
export function httpPost({ url, tls, headers, body, secrets, signal }: HttpPost): Promise<string> {
  const bytes = Buffer.from(body);
  const options: RequestOptions & ConnectionOptions = {
    method: 'POST',
    agent: false,
    signal,
    maxHeaderSize: HEADERS_MAX_BYTES,
    headers: {
      'content-type': 'application/json',
      'content-length': bytes.length,
      'accept-encoding': 'identity',
      ...headers,
    },
  };
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? requestHttps(url, { ...options, ...tls }) : requestHttp(url, options);
    request.on('error', (error: NodeJS.ErrnoException) => reject(new DeliveryFailure(reasonOf(error))));
    boundInterimAnswers(request);
    request.on('response', (response) => {
      const { statusCode = 0 } = response;
      let text = '';
      const settle = (): void => {
        const aside =
          statusCode >= 300 && statusCode < 400
            ? ', which is not followed: configure the address that it moved to'
            : '';
        const answer = `${statusCode}${aside}${text === '' ? '' : ` ${shown(secrets.shown(text))}`}`;
        if (statusCode >= 200 && statusCode < 300) resolve(answer);
        else reject(new DeliveryFailure(`it answered ${answer}`, statusCode < 500 && !PASSING.has(statusCode)));
      };
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length <= ANSWER_MAX_CHARS) return;
        // What it says is for people to read; more than a page of it nobody does.
        settle();
        request.destroy();
      });
      response.on('end', settle);
      response.on('close', settle);
      response.on('error', () => undefined);
    });
    request.end(bytes);
  });
}

/** Several attempts at several addresses fail without a sentence of their own. */
function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'HPE_HEADER_OVERFLOW') return `its answer has more than ${HEADERS_MAX_BYTES} bytes of headers`;
  if (error.message === 'socket hang up') return 'it closed the connection without an answer';
  return error.message === '' ? (error.code ?? 'it cannot be reached') : error.message;
}

function shown(text: string): string {
  const line = printable(text.trim());
  return line.length > SHOWN_LENGTH_MAX ? `${line.slice(0, SHOWN_LENGTH_MAX)}…` : line;
}
