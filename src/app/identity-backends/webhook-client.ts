/** Asks the web service: one POST, one bounded JSON answer, no redirects. */
import { Agent as HttpAgent, type RequestOptions, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { BackendFault } from '../../policy/identity/backend.ts';
import { readWebhookAnswer, type WebhookAnswer } from '../../policy/identity/webhook-answer.ts';
import type { AskWebhook, WebhookQuestion } from '../../policy/identity/webhook-method.ts';
import { boundInterimAnswers } from '../interim-answers.ts';
import type { BackendGuard } from './backend-guard.ts';

export interface WebhookClientOptions {
  readonly url: string;
  readonly tls: ConnectionOptions;
  /** Sent as a bearer token. */
  readonly secret: string | undefined;
  readonly answerSizeMaxBytes: number;
  readonly connectionsMax: number;
  readonly guard: BackendGuard;
}

const IDLE_TIMEOUT_MS = 30_000;
const HEADERS_MAX_BYTES = 8192;

export interface WebhookClient {
  readonly ask: AskWebhook;
  close(): void;
}

export function openWebhook(options: WebhookClientOptions): WebhookClient {
  const { url, tls, connectionsMax, guard } = options;
  const isSecure = url.startsWith('https:');
  const pool = { keepAlive: true, maxSockets: connectionsMax, timeout: IDLE_TIMEOUT_MS };
  const agent = isSecure ? new HttpsAgent({ ...pool, ...tls }) : new HttpAgent(pool);
  const ask: AskWebhook = (question) => guard.ask((signal) => post(options, agent, question, signal));
  return {
    ask,
    close: () => {
      guard.close();
      agent.destroy();
    },
  };
}

function post(
  { url, secret, answerSizeMaxBytes }: WebhookClientOptions,
  agent: HttpAgent | HttpsAgent,
  question: WebhookQuestion,
  signal: AbortSignal,
): Promise<WebhookAnswer> {
  const body = Buffer.from(JSON.stringify(question));
  const requestOptions: RequestOptions = {
    method: 'POST',
    agent,
    signal,
    maxHeaderSize: HEADERS_MAX_BYTES,
    headers: {
      'content-type': 'application/json',
      'content-length': body.length,
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
    },
  };
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:') ? requestHttps(url, requestOptions) : requestHttp(url, requestOptions);
    const fail = (error: Error): void => {
      reject(error);
      request.destroy();
    };
    request.on('error', fail);
    boundInterimAnswers(request);
    request.on('response', (response) => {
      // A redirect is no answer: it could lead the password anywhere.
      if (response.statusCode !== 200) {
        fail(new BackendFault(`the status is ${response.statusCode}, not 200`));
        return;
      }
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      response.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > answerSizeMaxBytes)
          fail(new BackendFault(`the answer is larger than ${answerSizeMaxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('aborted', () => fail(new BackendFault('the answer ends in the middle')));
      response.on('end', () => {
        try {
          resolve(readAnswer(Buffer.concat(chunks)));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.end(body);
  });
}

function readAnswer(bytes: Buffer): WebhookAnswer {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new BackendFault('the answer is no JSON');
  }
  return readWebhookAnswer(value);
}
