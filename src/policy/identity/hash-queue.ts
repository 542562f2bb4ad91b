/**
 * The gate before password hashing: few at a time, a bounded number in wait, each with a deadline. Hashing runs in the runtime's
 * thread pool (four threads by default, shared with files and names), so two at a time leave it half free; and a flood of
 * logins meets a full queue, not a growing one.
 *
 * Those who wait take turns by the address they come from, and where the queue is full, the address that has most in it makes
 * room: whoever guesses passwords by the thousand waits behind himself. Nothing is hashed for whom nobody waits any more. What
 * takes no longer than to wait does not wait.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { FairQueue } from '../../base/fair-queue.ts';
import { networkOf } from '../../base/ip-address.ts';
import { type TurnShare, turnShare } from '../../base/turn-share.ts';
import type { Credentials } from './identity.ts';
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
  /** Of which those have their part who are not awaited any more; that of the process. */
  readonly share?: TurnShare;
}

/** `busy`: no room to wait, or not any more. `late`: the deadline passed, or nobody waits for it any more. `failed`: the runtime could not compute it. */
export type HashAnswer = 'matches' | 'differs' | 'busy' | 'late' | 'failed';

/** All that the queue needs of a hash. */
type Verifiable = Pick<PasswordHash, 'cost' | 'isQuick' | 'verify'>;

/** On whose behalf: where from, and whether the answer is still of use when the turn comes. */
export type Asker = Pick<Credentials, 'origin' | 'isAwaited'>;

/** Work of the gateway's own. */
const OURSELVES: Asker = {};

interface Entry {
  /** Who takes turns: an IPv4 address, or an IPv6 /64; empty for work of our own. */
  readonly source: string;
  readonly isAwaited: (() => boolean) | undefined;
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
  readonly #share: TurnShare;
  #running = 0;
  readonly #waiting = new FairQueue<Entry>();
  #fullWasSaid = false;

  constructor(options: HashQueueOptions) {
    this.#clock = options.clock;
    this.#emit = options.emit;
    this.#runningMax = options.runningMax ?? 2;
    this.#waitingMax = options.waitingMax ?? 512;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#share = options.share ?? turnShare;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Nobody would have to wait. */
  get isIdle(): boolean {
    return this.#running < this.#runningMax;
  }

  /** Never rejects. The password may be borrowed: it is copied before this returns. */
  verify(hash: Verifiable, password: Uint8Array, { origin, isAwaited }: Asker = OURSELVES): Promise<HashAnswer> {
    if (hash.isQuick === true) return answerOf(hash, password);
    const source = origin === undefined ? '' : networkOf(origin.address, 32, 64);
    const mustWait = this.#running >= this.#runningMax;
    if (mustWait && this.#waiting.size >= this.#waitingMax) {
      this.#sayFull();
      const displaced = this.#waiting.makeRoom(source);
      if (displaced === undefined) return Promise.resolve('busy');
      answer(displaced, 'busy');
    }
    return new Promise((resolve) => {
      const entry: Entry = {
        source,
        isAwaited,
        hash,
        password: Buffer.from(password),
        answer: resolve,
        deadline: undefined,
      };
      entry.deadline = this.#clock.after(this.#deadlineMs, () => this.#expire(entry));
      if (mustWait) this.#waiting.push(source, entry);
      else {
        this.#running++;
        void this.#run(entry);
      }
    });
  }

  async #run(entry: Entry): Promise<void> {
    answer(entry, await answerOf(entry.hash, entry.password));
    this.#passOn();
  }

  /** The place goes to the next who is awaited, and nobody takes it meanwhile: hundreds may not be, each of whom has to be told. */
  #passOn(): void {
    this.#share.run(() => {
      const next = this.#waiting.shift();
      if (this.#waiting.size <= this.#waitingMax / 2) this.#fullWasSaid = false;
      if (next === undefined) this.#running--;
      else if (next.isAwaited?.() !== false) void this.#run(next);
      else {
        answer(next, 'late');
        this.#passOn();
      }
    });
  }

  /** One that runs cannot be stopped and keeps its place until it is done; only whoever asked is answered now. */
  #expire(entry: Entry): void {
    if (this.#waiting.remove(entry.source, entry)) answer(entry, 'late');
    else entry.answer('late');
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

async function answerOf(hash: Verifiable, password: Uint8Array): Promise<HashAnswer> {
  try {
    return (await hash.verify(password)) ? 'matches' : 'differs';
  } catch {
    return 'failed';
  }
}

/** Ends it: the copy of the password is wiped. */
function answer(entry: Entry, told: HashAnswer): void {
  entry.password.fill(0);
  entry.deadline?.cancel();
  entry.answer(told);
}
