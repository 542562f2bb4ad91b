/** One and a half times the keep-alive without a whole packet ends a connection [MQTT-3.1.2-22] [MQTT311-3.1.2-24]. */
import type { Clock, Timer } from '../base/clock.ts';

/** Who is told. */
export interface KeepAliveOwner {
  onSilence(): void;
}

export class KeepAlive {
  readonly #clock: Clock;
  readonly #owner: KeepAliveOwner;
  #timer: Timer | undefined;
  #allowedMs = 0;
  #lastPacketMs = 0;

  constructor(clock: Clock, owner: KeepAliveOwner) {
    this.#clock = clock;
    this.#owner = owner;
  }

  start(keepAliveS: number): void {
    this.#allowedMs = keepAliveS * 1500;
    this.heard(this.#clock.nowMs());
    this.#arm(this.#allowedMs);
  }

  /** A packet has come. Cheap: the timer is not moved, it looks back when it runs. */
  heard(nowMs: number): void {
    this.#lastPacketMs = nowMs;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, KeepAlive.#lookBack, this);
  }

  static #lookBack(keepAlive: KeepAlive): void {
    const idleMs = keepAlive.#clock.nowMs() - keepAlive.#lastPacketMs;
    if (idleMs < keepAlive.#allowedMs) keepAlive.#arm(keepAlive.#allowedMs - idleMs);
    else keepAlive.#owner.onSilence();
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
