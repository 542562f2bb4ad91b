/**
 * HTTP to places that certificates name: bounded in size, time and number. What comes back is believed only for its signature, so
 * there is no TLS here, and no redirect is followed.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Clock } from '../../base/clock.ts';

export interface Bounds {
  readonly sizeMaxBytes: number;
  readonly timeoutMs: number;
}

const UNDER_WAY_MAX = 8;
const WAITING_MAX = 4096;

export class HttpExchange {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  readonly #endings = new Set<(says: string) => void>();
  #underWay = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(url: string, bounds: Bounds): Promise<Uint8Array | string> {
    return this.#inTurn(() => this.#exchange(url, undefined, bounds));
  }

  postOcsp(url: string, body: Uint8Array, bounds: Bounds): Promise<Uint8Array | string> {
    return this.#inTurn(() => this.#exchange(url, body, bounds));
  }

  async #inTurn(run: () => Promise<Uint8Array | string>): Promise<Uint8Array | string> {
    if (this.#underWay < UNDER_WAY_MAX) {
      this.#underWay++;
    } else {
      if (this.#waiting.length >= WAITING_MAX) return 'too many questions wait already';
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    try {
      return await run();
    } finally {
      // The place is handed on, so that nobody slips in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay--;
      else next();
    }
  }

  /** Ends what is under way: a server that hangs shall not hold up the end of the program. */
  close(): void {
    for (const end of [...this.#endings]) end('the gateway is ending');
  }

  #exchange(url: string, body: Uint8Array | undefined, bounds: Bounds): Promise<Uint8Array | string> {
    return new Promise((resolve) => {
      let sent: ClientRequest | undefined;
      const finish = (result: Uint8Array | string): void => {
        this.#endings.delete(finish);
        deadline.cancel();
        resolve(result);
        sent?.destroy();
      };
      this.#endings.add(finish);
      const deadline = this.#clock.after(bounds.timeoutMs, () =>
        finish(`there was no whole answer within ${bounds.timeoutMs} ms`),
      );
      try {
        sent = request(url, {
          method: body === undefined ? 'GET' : 'POST',
          agent: false,
          headers:
            body === undefined
              ? {}
              : { 'content-type': 'application/ocsp-request', 'content-length': String(body.length) },
        });
      } catch (error) {
        finish(`the address cannot be used (${(error as Error).message})`);
        return;
      }
      sent.on('error', (error: NodeJS.ErrnoException) => finish(`no connection (${error.code ?? error.message})`));
      sent.on('response', (response) => receive(response, bounds.sizeMaxBytes, finish));
      sent.end(body);
    });
  }
}

function receive(response: IncomingMessage, sizeMaxBytes: number, finish: (result: Uint8Array | string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  if (response.statusCode !== 200) {
    finish(`the server answers with status ${response.statusCode}`);
    return;
  }
  if (Number(response.headers['content-length'] ?? 0) > sizeMaxBytes) {
    finish(`the answer is larger than ${sizeMaxBytes} bytes`);
    return;
  }
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > sizeMaxBytes) finish(`the answer is larger than ${sizeMaxBytes} bytes`);
    else chunks.push(chunk);
  });
  response.on('error', () => finish('the connection broke amid the answer'));
  response.on('aborted', () => finish('the connection broke amid the answer'));
  response.on('end', () => finish(Buffer.concat(chunks)));
}
