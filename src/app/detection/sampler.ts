/** Looks at every connection once a second, a few at a time, so that no turn of the event loop is long. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Client } from '../../pipeline/client.ts';
import type { Connections } from '../../pipeline/connections.ts';
import { takeSample } from '../../pipeline/sampling.ts';
import type { ClientSample } from '../../policy/detection/client-sample.ts';

const TURN_MS = 100;
const TURNS_A_ROUND = 10;
/** Connections looked at in one turn. With more than ten times as many, a round takes longer than a second: samples say how long. */
const LOOKED_AT_MAX = 2000;

export class Sampler {
  readonly #connections: Connections;
  readonly #clock: Clock;
  readonly #take: (sample: ClientSample) => void;
  #timer: Timer | undefined;

  constructor(connections: Connections, clock: Clock, take: (sample: ClientSample) => void) {
    this.#connections = connections;
    this.#clock = clock;
    this.#take = take;
    this.#turnLater();
  }

  #turnLater(): void {
    this.#timer = this.#clock.after(TURN_MS, () => {
      const { count } = this.#connections;
      const turn = Math.min(LOOKED_AT_MAX, Math.ceil(count / TURNS_A_ROUND));
      for (const { client } of this.#connections.nextInTurn(turn)) this.#look(client, false);
      this.#turnLater();
    });
  }

  /** The last word on a connection that is gone. */
  gone(client: Client): void {
    this.#look(client, true);
  }

  #look(client: Client, isLast: boolean): void {
    const sample = takeSample(client, this.#clock.nowMs(), isLast);
    if (sample !== undefined) this.#take(sample);
  }

  close(): void {
    this.#timer?.cancel();
  }
}
