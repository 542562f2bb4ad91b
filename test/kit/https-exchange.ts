/** HTTPS with a CA and a client certificate of a test's own, which the runtime's `fetch` takes none of; answers as `fetch` does. */
import { request } from 'node:https';

export interface ExchangeTrust {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface ExchangeRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Exchange = (url: string, asked: ExchangeRequest) => Promise<Response>;

/** Follows no redirect, keeps no cookie and no connection. */
export function httpsExchange(trust: ExchangeTrust): Exchange {
  return (url, { method = 'GET', headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const asked = request(url, { ...trust, agent: false, method, headers });
      asked.on('error', reject);
      asked.on('response', (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const told = new Headers();
          for (let i = 0; i < answer.rawHeaders.length; i += 2)
            told.append(answer.rawHeaders[i]!, answer.rawHeaders[i + 1]!);
          const status = answer.statusCode ?? 0;
          resolve(new Response(status === 204 ? null : Buffer.concat(chunks), { status, headers: told }));
        });
      });
      asked.end(body);
    });
}
