/** How the provider of single sign-on is asked: HTTPS only, of CAs that the operator names, bounded in size and time. */
import { type RequestOptions, request } from 'node:https';
import type { Clock } from '../../base/clock.ts';
import { boundInterimAnswers } from '../interim-answers.ts';

export interface ProviderFetchOptions {
  /** PEM of the CAs to trust; undefined: those that come with the runtime. */
  readonly ca: string | undefined;
  readonly clock: Clock;
}

/** What the library asks for. */
export interface ProviderRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

export type ProviderFetch = (url: string, options: ProviderRequest) => Promise<Response>;

const TIMEOUT_MS = 10_000;
const SIZE_MAX_BYTES = 1024 * 1024;
/** Answers that have no body, whatever is in it. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/** No redirect is followed, no cookie kept, no connection shared. Rejects with a sentence. */
export function providerFetch({ ca, clock }: ProviderFetchOptions): ProviderFetch {
  return (url, { method = 'GET', headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const options: RequestOptions = { method, agent: false, headers, ...(ca === undefined ? {} : { ca }) };
      const asked = request(url, options);
      const give = (error: Error): void => {
        deadline.cancel();
        asked.destroy();
        reject(error);
      };
      const deadline = clock.after(TIMEOUT_MS, () =>
        give(new Error(`there was no whole answer within ${TIMEOUT_MS} ms`)),
      );
      asked.on('error', give);
      boundInterimAnswers(asked);
      asked.on('response', (answer) => {
        const chunks: Buffer[] = [];
        let sizeBytes = 0;
        answer.on('data', (chunk: Buffer) => {
          sizeBytes += chunk.length;
          if (sizeBytes > SIZE_MAX_BYTES) give(new Error(`the answer is larger than ${SIZE_MAX_BYTES} bytes`));
          else chunks.push(chunk);
        });
        answer.on('error', give);
        answer.on('end', () => {
          deadline.cancel();
          const { statusCode: status = 502, headers: told } = answer;
          const type = told['content-type'];
          resolve(
            new Response(BODILESS.has(status) ? null : Buffer.concat(chunks), {
              status,
              headers: {
                ...(type === undefined ? {} : { 'content-type': type }),
                ...(told['www-authenticate'] === undefined ? {} : { 'www-authenticate': told['www-authenticate'] }),
              },
            }),
          );
        });
      });
      asked.end(body === undefined || body === null ? undefined : String(body));
    });
}
