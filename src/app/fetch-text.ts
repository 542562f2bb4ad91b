/** Reads a text over HTTPS, within bounds of time and size: no redirects, no cookies, no pool of connections. */
import { request } from 'node:https';
import type { Clock } from '../base/clock.ts';
import { boundInterimAnswers } from './interim-answers.ts';

export interface FetchTextOptions {
  readonly url: string;
  /** PEM of the CAs to trust; undefined: those that come with the runtime. */
  readonly ca: string | undefined;
  /** From the question to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly sizeMaxBytes: number;
  readonly clock: Clock;
}

/** Rejects with a sentence that names no secret: the query and the user part of the URL are not in it. */
export function fetchText(options: FetchTextOptions): Promise<string> {
  const { url, ca, timeoutMs, sizeMaxBytes, clock } = options;
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      agent: false,
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      ...(ca === undefined ? {} : { ca }),
    });
    const give = (error: Error): void => {
      deadline.cancel();
      asked.destroy();
      reject(error);
    };
    const deadline = clock.after(timeoutMs, () => give(new Error(`there was no whole answer within ${timeoutMs} ms`)));
    asked.on('error', give);
    boundInterimAnswers(asked);
    asked.on('response', (answer) => {
      if (answer.statusCode !== 200) {
        give(new Error(`the answer has status ${answer.statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      answer.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > sizeMaxBytes) give(new Error(`the answer is larger than ${sizeMaxBytes} bytes`));
        else chunks.push(chunk);
      });
      answer.on('error', give);
      answer.on('end', () => {
        deadline.cancel();
        resolve(Buffer.concat(chunks).toString('utf8'));
      });
    });
    asked.end();
  });
}
