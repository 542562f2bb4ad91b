/**
 * Stands between the gateway and a server that knows users: few questions at once, a bounded number in wait, each with a
 * deadline; and when the server keeps failing it is left alone for a while, so that its slowness does not become ours.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { BackendAnswer } from '../../policy/identity/backend.ts';

export interface BackendGuardOptions {
  /** In events, such as `ldap:ldaps://directory.example.org`. */
  readonly backend: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** From asking to being answered, with the wait for a turn. */
  readonly timeoutMs: number;
  /** Questions under way at once. */
  readonly concurrencyMax: number;
  /** Questions that wait for their turn. */
  readonly queueMax: number;
  /** Failures one after another that open the breaker. */
  readonly failuresMax: number;
  /** How long it then stays open, before one question is tried. */
  readonly pauseMs: number;
}

/** Rejects when the backend fails; lets go of what it holds when `signal` says so. */
type Work<Value> = (signal: AbortSignal) => Promise<Value>;

interface Waiting {
  readonly start: () => void;
}

const BUSY = Object.freeze({ ok: false, trouble: 'busy' }) satisfies BackendAnswer<never>;
const UNAVAILABLE = Object.freeze({ ok: false, trouble: 'unavailable' }) satisfies BackendAnswer<never>;

export class BackendGuard {
  readonly #options: BackendGuardOptions;
  readonly #waiting = new Set<Waiting>();
  readonly #running = new Set<AbortController>();
  #failures = 0;
  /** Monotonic; while it is ahead, nobody asks. */
  #openUntilMs = Number.NEGATIVE_INFINITY;
  /** One question tries whether the backend is back. */
  #isTrying = false;
  #fullWasSaid = false;
  #isClosed = false;

  constructor(options: BackendGuardOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  ask<Value>(work: Work<Value>): Promise<BackendAnswer<Value>> {
    if (this.#isClosed || this.#isResting) return Promise.resolve(UNAVAILABLE);
    const { concurrencyMax, queueMax, clock, timeoutMs } = this.#options;
    const mustWait = this.#running.size >= concurrencyMax;
    if (mustWait && this.#waiting.size >= queueMax) {
      this.#sayFull();
      return Promise.resolve(BUSY);
    }
    return new Promise((resolve) => {
      let deadline: Timer | undefined;
      const controller = new AbortController();
      const answer = (value: BackendAnswer<Value>): void => {
        deadline?.cancel();
        resolve(value);
      };
      const waiting: Waiting = {
        // The breaker may have opened while this waited.
        start: () =>
          this.#isClosed || this.#isResting ? answer(UNAVAILABLE) : void this.#run(work, controller).then(answer),
      };
      deadline = clock.after(timeoutMs, () => {
        // Whoever is still in the queue has met our own ceiling, and not a failure of the backend.
        if (this.#waiting.delete(waiting)) resolve(BUSY);
        else controller.abort(new Error(`no answer came within ${timeoutMs} ms`));
      });
      if (mustWait) this.#waiting.add(waiting);
      else waiting.start();
    });
  }

  /** The breaker is open, or somebody is trying it already. */
  get #isResting(): boolean {
    const { failuresMax, clock } = this.#options;
    return this.#failures >= failuresMax && (this.#isTrying || clock.nowMs() < this.#openUntilMs);
  }

  async #run<Value>(work: Work<Value>, controller: AbortController): Promise<BackendAnswer<Value>> {
    const { signal } = controller;
    this.#running.add(controller);
    if (this.#failures >= this.#options.failuresMax) this.#isTrying = true;
    // A library that does not heed the signal must not keep a place for good.
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    // Nobody waits for it where the work throws before it has begun.
    aborted.catch(() => undefined);
    let answer: BackendAnswer<Value>;
    try {
      const value = await Promise.race([work(signal), aborted]);
      this.#succeeded();
      answer = { ok: true, value };
    } catch (error) {
      if (!this.#isClosed) this.#failed(error instanceof Error ? error.message : String(error));
      answer = UNAVAILABLE;
      if (!signal.aborted) controller.abort(error);
    }
    this.#running.delete(controller);
    this.#startNext();
    return answer;
  }

  /** Several, where those in front are sent away without a question. */
  #startNext(): void {
    for (const next of this.#waiting) {
      if (this.#running.size >= this.#options.concurrencyMax) return;
      this.#waiting.delete(next);
      if (this.#waiting.size <= this.#options.queueMax / 2) this.#fullWasSaid = false;
      next.start();
    }
  }

  #succeeded(): void {
    const { backend, emit } = this.#options;
    if (this.#failures > 0) emit({ name: 'backend.recovered', backend });
    this.#failures = 0;
    this.#isTrying = false;
  }

  /** An event for the first failure and one for each pause; those between are told by the denials. */
  #failed(says: string): void {
    const { backend, emit, clock, failuresMax, pauseMs } = this.#options;
    this.#failures++;
    if (this.#failures === 1) emit({ name: 'backend.failed', backend, says });
    const wasTrying = this.#isTrying;
    this.#isTrying = false;
    if (this.#failures !== failuresMax && !wasTrying) return;
    this.#openUntilMs = clock.nowMs() + pauseMs;
    emit({
      name: 'backend.failed',
      backend,
      says: `${says}; it is not asked for ${pauseMs} ms, after ${this.#failures} failures in a row`,
    });
  }

  /** Once until the queue has been half empty. */
  #sayFull(): void {
    if (this.#fullWasSaid) return;
    this.#fullWasSaid = true;
    const { backend, queueMax, emit } = this.#options;
    const says = `Too many logins wait for ${backend}; further ones are answered "server busy".`;
    emit({ name: 'ceiling.reached', ceiling: 'authentication.chain[].queueMax', limit: queueMax, says });
  }

  /** Questions that are under way end unanswered. */
  close(): void {
    this.#isClosed = true;
    for (const controller of [...this.#running]) controller.abort(new Error('the configuration has changed'));
  }
}
