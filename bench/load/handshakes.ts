/** TLS handshakes, each on a new connection that then ends; what they cost the server is read from its processor time. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect } from 'node:tls';
import { processorMs } from '../processes.ts';
import type { HandshakePlan, HandshakeResult } from './plan.ts';

export class Handshakes {
  readonly #plan: HandshakePlan;
  #session: Buffer | undefined;
  #count = 0;
  #asAsked = 0;
  #isDone = false;

  constructor(plan: HandshakePlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<void> {
    if (this.#plan.isResumed) this.#session = await this.#takeSession();
  }

  async run(): Promise<HandshakeResult> {
    const { lanes, warmUpMs, durationMs, pids } = this.#plan;
    const running = Promise.all(Array.from({ length: lanes }, () => this.#lane()));
    await sleep(warmUpMs);
    const from = { atMs: performance.now(), targetMs: processorMs(pids), count: this.#count, asAsked: this.#asAsked };
    await sleep(durationMs);
    const elapsedMs = performance.now() - from.atMs;
    const targetMs = processorMs(pids) - from.targetMs;
    const result = { handshakes: this.#count - from.count, asAsked: this.#asAsked - from.asAsked, elapsedMs, targetMs };
    this.#isDone = true;
    await running;
    return result;
  }

  #options(): ConnectionOptions {
    const { host, port, group } = this.#plan;
    return { host, port, ecdhCurve: group, rejectUnauthorized: false };
  }

  async #lane(): Promise<void> {
    while (!this.#isDone) await this.#once();
  }

  /** Counted when the server has shown that it is through: its session ticket has come, or it has closed in turn. */
  #once(): Promise<void> {
    const session = this.#session;
    return new Promise((resolve, reject) => {
      const socket = connect(session === undefined ? this.#options() : { ...this.#options(), session });
      socket.once('error', (error) => (this.#isDone ? resolve() : reject(error)));
      socket.once('secureConnect', () => {
        if (socket.isSessionReused() === this.#plan.isResumed) this.#asAsked++;
        this.#count++;
        socket.end();
      });
      socket.once('close', () => resolve());
      socket.resume();
    });
  }

  #takeSession(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#options());
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the peer offers no session to resume')));
      socket.once('session', (session) => {
        resolve(session);
        socket.end();
      });
      socket.resume();
    });
  }
}
