/**
 * HTTP to places that certificates name: bounded in size, time and number. What comes back is believed only for its signature, so
 * there is no TLS here, and no redirect is followed.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { boundInterimAnswers } from '../interim-answers.ts';

export interface Bounds {
  readonly sizeMaxBytes: number;
  readonly timeoutMs: number;
}

/** Of each server, so that one that hangs holds up nobody but those who ask it. */
const UNDER_WAY_MAX = 8;
const SERVERS_MAX = 64;
/** For all servers together. */
const WAITING_MAX = 4096;

const ENDING = 'the gateway is ending';

interface Queue {
  underWay: number;
  readonly waiting: (() => void)[];
}

export class HttpExchange {
  readonly #clock: Clock;
  /** By host and port; of servers that are being asked. */
  readonly #queues = new Map<string, Queue>();
  readonly #endings = new Set<(says: string) => void>();
  #waiting = 0;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(url: string, bounds: Bounds): Promise<Uint8Array | string> {
    return this.#inTurn(url, () => this.#exchange(url, undefined, bounds));
  }

  postOcsp(url: string, body: Uint8Array, bounds: Bounds): Promise<Uint8Array | string> {
    return this.#inTurn(url, () => this.#exchange(url, body, bounds));
  }

  async #inTurn(url: string, run: () => Promise<Uint8Array | string>): Promise<Uint8Array | string> {
    const server = URL.parse(url)?.host ?? '';
    let queue = this.#queues.get(server);
    if (queue === undefined) {
      if (this.#queues.size >= SERVERS_MAX) return 'too many servers are asked already';
      queue = { underWay: 0, waiting: [] };
      this.#queues.set(server, queue);
    }
    if (queue.underWay < UNDER_WAY_MAX) queue.underWay++;
    else if (this.#waiting >= WAITING_MAX) return 'too many questions wait already';
    else await this.#turnIn(queue);
    try {
      return this.#isClosed ? ENDING : await run();
    } finally {
      // The place is handed on, so that nobody slips in between.
      const next = queue.waiting.shift();
      if (next !== undefined) next();
      else if (--queue.underWay === 0) this.#queues.delete(server);
    }
  }

  async #turnIn({ waiting }: Queue): Promise<void> {
    this.#waiting++;
    await new Promise<void>((resolve) => waiting.push(resolve));
    this.#waiting--;
  }

  /** Ends what is under way: a server that hangs shall not hold up the end of the program. */
  close(): void {
    this.#isClosed = true;
    for (const end of [...this.#endings]) end(ENDING);
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
      boundInterimAnswers(sent);
      sent.on('response', (response) => receive(response, bounds.sizeMaxBytes, finish));
      sent.end(body);
    });
  }
}

function receive(response: IncomingMessage, sizeMaxBytes: number, finish: (result: Uint8Array | string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  if (response.statusCode !== 200) {
    const { statusCode = 0 } = response;
    const aside = statusCode >= 300 && statusCode < 400 ? ', and no redirect is followed' : '';
    finish(`the server answers with status ${statusCode}${aside}`);
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
