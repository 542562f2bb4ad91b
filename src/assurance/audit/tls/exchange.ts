/** One bounded connection: a ClientHello goes out, the server's answer is read, and the connection ends. */
import { connect } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import { type Fact, known, unknown } from '../model/fact.ts';
import { clientHello, type Offer } from './client-hello.ts';
import type { Endpoint } from './endpoint.ts';
import { type Answer, CLOSED, readAnswer } from './server-answer.ts';

/** A server's whole first flight is a few kilobytes. */
const ANSWER_MAX_BYTES = 128 * 1024;
/** What comes in crumbs is read anew with each of them. */
const CHUNKS_MAX = 1000;

export interface ExchangeOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly isFlightWanted?: boolean;
}

/** What is no clear yes or no is unknown, with its reason. */
export function exchange(endpoint: Endpoint, offer: Offer, options: ExchangeOptions): Promise<Fact<Answer>> {
  const { clock, timeoutMs, signal, isFlightWanted = false } = options;
  const { host, port, serverName } = endpoint;
  const from = `a ClientHello to ${host}:${port}`;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const parts: Buffer[] = [];
    let sizeBytes = 0;
    let isConnected = false;
    const end = (fact: Fact<Answer>): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(fact);
    };
    const late = (says: string): void => end(unknown(isConnected ? 'timed-out' : 'unreachable', says));
    const onAbort = (): void => late("The audit's time for this endpoint was up.");
    const timer = clock.after(timeoutMs, () =>
      late(
        isConnected ? 'It took the ClientHello and did not answer in time.' : 'It did not take the connection in time.',
      ),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => {
      isConnected = true;
      socket.write(clientHello(offer, serverName));
    });
    socket.on('data', (chunk: Buffer) => {
      parts.push(chunk);
      sizeBytes += chunk.length;
      const answer = readAnswer(Buffer.concat(parts), { offer, isFlightWanted });
      if (answer?.kind === 'nonsense') end(unknown('malformed', `Its answer makes no sense: ${answer.says}.`));
      else if (answer !== undefined) end(known(answer, from));
      else if (sizeBytes > ANSWER_MAX_BYTES || parts.length > CHUNKS_MAX)
        end(unknown('too-large', `It sent ${sizeBytes} octets and no whole answer.`));
    });
    socket.on('end', () => {
      if (sizeBytes === 0) end(known({ kind: 'refused', by: CLOSED }, from));
      else end(unknown('malformed', 'It broke off in the middle of its answer.'));
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end(
        unknown(
          'unreachable',
          isConnected ? `It reset the connection (${error.code}).` : `It cannot be connected to (${error.code}).`,
        ),
      );
    });
    if (signal.aborted) onAbort();
  });
}
