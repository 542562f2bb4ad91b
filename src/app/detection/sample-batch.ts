/** A worker's samples, on their way to the process that detects: one message a second, of bounded size. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import type { ClientSample } from '../../policy/detection/client-sample.ts';

const SEND_EVERY_MS = 1000;
/** More than the sampler takes in a second, with room for connections that end. */
const SAMPLES_MAX = 25_000;

export class SampleBatch {
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #send: (samples: readonly ClientSample[]) => void;
  #samples: ClientSample[] = [];
  #isFull = false;
  #timer: Timer | undefined;

  constructor(clock: Clock, emit: Emit, send: (samples: readonly ClientSample[]) => void) {
    this.#clock = clock;
    this.#emit = emit;
    this.#send = send;
  }

  add(sample: ClientSample): void {
    if (this.#samples.length >= SAMPLES_MAX) {
      this.#tellFull();
      return;
    }
    this.#samples.push(sample);
    this.#timer ??= this.#clock.after(SEND_EVERY_MS, () => this.#flush());
  }

  #tellFull(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const says = 'more connections end in a second than are told of; what those did is not looked at';
    this.#emit({ name: 'ceiling.reached', ceiling: 'detection.samplesMax', limit: SAMPLES_MAX, says });
  }

  #flush(): void {
    const samples = this.#samples;
    this.#samples = [];
    this.#isFull = false;
    this.#timer = undefined;
    this.#send(samples);
  }
}
