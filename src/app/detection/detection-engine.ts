/** The detectors at work in the running program: every event passes here on its way, and samples come once a second. */
import { isDeepStrictEqual } from 'node:util';
import type { Chance } from '../../base/chance.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { KeyedHash } from '../../base/keyed-hash.ts';
import type { OpenAttack } from '../../policy/detection/attacks.ts';
import type { ClientSample } from '../../policy/detection/client-sample.ts';
import type { Responder } from '../../policy/detection/detection.ts';
import { Detectors } from '../../policy/detection/detectors.ts';
import type { Config } from '../config/config.ts';

const SETTLE_EVERY_MS = 1000;

export interface DetectionEngineOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  /** Where events go on to, those of the detectors included. */
  readonly emit: Emit;
  readonly responder: Responder;
}

export class DetectionEngine {
  /** Takes an event: it goes on first, and then the detectors see it. */
  readonly emit: Emit;
  readonly #clock: Clock;
  readonly #detectors: Detectors;
  #config: Config['detection'];
  #timer: Timer | undefined;

  constructor(config: Config['detection'], { clock, chance, emit, responder }: DetectionEngineOptions) {
    this.#config = config;
    this.#clock = clock;
    this.#detectors = new Detectors(config, { emit, responder, hash: KeyedHash.random(chance) });
    this.emit = (event) => {
      emit(event);
      this.#detectors.observe(event, clock.nowMs());
    };
    this.#settleLater();
  }

  sample(sample: ClientSample): void {
    this.#detectors.sample(sample, this.#clock.nowMs());
  }

  /** Attacks that go on, the highest scores first. */
  openAttacks(countMax: number): OpenAttack[] {
    return this.#detectors.openAttacks(this.#clock.nowMs(), countMax);
  }

  /** Puts another configuration into force: detectors whose settings have changed begin anew. */
  configure(config: Config['detection']): void {
    const before = this.#config;
    this.#config = config;
    const isWhollyNew =
      before.enabled !== config.enabled ||
      before.trackedMax !== config.trackedMax ||
      before.networkPrefixV4 !== config.networkPrefixV4 ||
      before.networkPrefixV6 !== config.networkPrefixV6;
    this.#detectors.configure(config, (name) => isWhollyNew || !isDeepStrictEqual(before[name], config[name]));
  }

  #settleLater(): void {
    this.#timer = this.#clock.after(SETTLE_EVERY_MS, () => {
      this.#detectors.settle(this.#clock.nowMs());
      this.#settleLater();
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
