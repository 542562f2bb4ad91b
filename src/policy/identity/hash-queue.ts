/**
 * The gate before password hashing: few at a time, a bounded number in wait, each with a deadline. Hashing runs in the runtime's
 * thread pool (four threads by default, shared with files and names), so two at a time leave it half free; and a flood of
 * logins meets a full queue, not a growing one.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { PasswordHash } from './password-hash.ts';

export interface HashQueueOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Verifications that run at once; 2. */
  readonly runningMax?: number;
  /** Verifications that wait for their turn; 512. */
  readonly waitingMax?: number;
  /** From asking to being answered; 10 seconds. */
  readonly deadlineMs?: number;
}

/** `busy`: no room to wait. `late`: the deadline passed. `failed`: the runtime could not compute it. */
export type HashAnswer = 'matches' | 'differs' | 'busy' | 'late' | 'failed';

/** All that the queue needs of a hash. */
type Verifiable = Pick<PasswordHash, 'cost' | 'verify'>;

interface Entry {
  readonly hash: Verifiable;
  /** A copy of our own, wiped when it is no longer needed. */
  readonly password: Buffer;
  readonly answer: (answer: HashAnswer) => void;
  deadline: Timer | undefined;
}

export class HashQueue {
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #deadlineMs: number;
  #running = 0;
  /** In order of arrival. A set, so that one whose deadline passed leaves at once and frees its place. */
  readonly #waiting = new Set<Entry>();
  #fullWasSaid = false;

  constructor(options: HashQueueOptions) {
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#runningMax = options.runningMax ?? 2;
    this.#waitingMax = options.waitingMax ?? 512;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
  }

  /** Nobody would have to wait. */
  get isIdle(): boolean {
    return this.#running < this.#runningMax;
  }

  /** Never rejects. The password may be borrowed: it is copied before this returns. */
  verify(hash: Verifiable, password: Uint8Array): Promise<HashAnswer> {
    if (this.#running >= this.#runningMax && this.#waiting.size >= this.#waitingMax) {
      this.#sayFull();
      return Promise.resolve('busy');
    }
    return new Promise((resolve) => {
      const entry: Entry = { hash, password: Buffer.from(password), answer: resolve, deadline: undefined };
      entry.deadline = this.#clock.after(this.#deadlineMs, () => this.#expire(entry));
      if (this.#running < this.#runningMax) void this.#run(entry);
      else this.#waiting.add(entry);
    });
  }

  async #run(entry: Entry): Promise<void> {
    this.#running++;
    let answer: HashAnswer;
    try {
      answer = (await entry.hash.verify(entry.password)) ? 'matches' : 'differs';
    } catch {
      answer = 'failed';
    }
    entry.password.fill(0);
    entry.deadline?.cancel();
    entry.answer(answer);
    this.#running--;
    this.#startNext();
  }

  #startNext(): void {
    const next = this.#waiting.values().next().value;
    if (next === undefined) return;
    this.#waiting.delete(next);
    if (this.#waiting.size <= this.#waitingMax / 2) this.#fullWasSaid = false;
    void this.#run(next);
  }

  /** One that runs cannot be stopped and keeps its place until it is done; only whoever asked is answered now. */
  #expire(entry: Entry): void {
    if (this.#waiting.delete(entry)) entry.password.fill(0);
    entry.answer('late');
  }

  /** Once until the queue has been half empty: a flood must not become a flood of events. */
  #sayFull(): void {
    if (this.#fullWasSaid) return;
    this.#fullWasSaid = true;
    this.#emit({
      name: 'ceiling.reached',
      ceiling: 'hashQueueWaitingMax',
      limit: this.#waitingMax,
      says: 'Too many logins wait for their password check; further ones are answered "server busy".',
    });
  }
}
