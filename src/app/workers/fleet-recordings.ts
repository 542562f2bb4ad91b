/**
 * What workers have recorded of their clients' use, taken from them. What a worker gives away it has no more: an answer that comes too
 * late is kept for the next time, unless what was recorded is to be forgotten.
 */
import type { Clock } from '../../base/clock.ts';
import type { RecordingImage } from '../../policy/authorization/learning/recording.ts';
import { namesOf, type SilentWorker } from '../silent-workers.ts';

const ANSWER_WITHIN_MS = 2_000;

/** A worker, as far as it is asked for its recording. */
export interface RecordingWorker extends SilentWorker {
  readonly isGone: boolean;
  /** Undefined where it has ended. */
  takeRecording(): Promise<RecordingImage | undefined>;
}

export interface TakenRecordings {
  readonly recordings: readonly RecordingImage[];
  /** Those that did not answer in time: what they have recorded comes later. */
  readonly silent: readonly SilentWorker[];
}

interface Asking {
  readonly answer: Promise<void>;
  isForgotten: boolean;
}

export class FleetRecordings {
  readonly #clock: Clock;
  #waiting: RecordingImage[] = [];
  /** One question at a time: a worker that hangs is not asked again and again. */
  readonly #asking = new Map<RecordingWorker, Asking>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From a worker that leaves. */
  left(recording: RecordingImage): void {
    this.#waiting.push(recording);
  }

  /** `isForgetting`: what is on its way is not wanted any more. */
  async take(workers: readonly RecordingWorker[], isForgetting = false): Promise<TakenRecordings> {
    const isInTime = await Promise.all(workers.map((worker) => this.#isInTime(this.#ask(worker))));
    const silent = workers.filter((worker, i) => isInTime[i] === false && !worker.isGone);
    if (isForgetting) for (const asking of this.#asking.values()) asking.isForgotten = true;
    const recordings = this.#waiting;
    this.#waiting = [];
    return { recordings, silent: namesOf(silent) };
  }

  #ask(worker: RecordingWorker): Asking {
    const known = this.#asking.get(worker);
    if (known !== undefined) return known;
    const asking: Asking = {
      isForgotten: false,
      answer: worker.takeRecording().then((recording) => {
        this.#asking.delete(worker);
        if (recording !== undefined && !asking.isForgotten) this.#waiting.push(recording);
      }),
    };
    this.#asking.set(worker, asking);
    return asking;
  }

  #isInTime({ answer }: Asking): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(ANSWER_WITHIN_MS, () => resolve(false));
      void answer.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }
}
