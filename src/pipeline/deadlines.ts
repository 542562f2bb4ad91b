/** All that one connection has only so long for: CONNECT and its answer, signs of life, a purpose, its identity, packets, reading. */
import type { Clock, Timer } from '../base/clock.ts';
import { type Cause, dripping, PING_ONLY, silence, TOO_SLOW } from './cause.ts';
import type { Client } from './client.ts';
import type { Downstream } from './downstream.ts';
import { type Expirable, Expiry } from './expiry.ts';
import { KeepAlive, type KeepAliveOwner } from './keep-alive.ts';
import type { ReadGate } from './read-gate.ts';
import { ReceivePace, type ReceivePaceOwner } from './receive-pace.ts';
import { SlowReader, type SlowReaderOwner } from './slow-reader.ts';

/** What the connection does about it. */
export interface Latecomer extends Expirable {
  /** The CONNECT, or what is to follow it, is not there. */
  onConnectTimeout(): void;
  /** It ends, and may be told why. */
  onLate(cause: Cause): void;
  /** It ends, and no last word would reach it. */
  onStuck(cause: Cause): void;
}

export class Deadlines implements KeepAliveOwner, ReceivePaceOwner, SlowReaderOwner {
  readonly #client: Client;
  readonly #gate: ReadGate;
  readonly #clock: Clock;
  readonly #owner: Latecomer;
  readonly #keepAlive: KeepAlive;
  readonly #pace: ReceivePace;
  readonly reader: SlowReader;
  #connect: Timer | undefined;
  #purpose: Timer | undefined;
  #expiry: Expiry | undefined;

  constructor(client: Client, downstream: Downstream, gate: ReadGate, clock: Clock, owner: Latecomer) {
    this.#client = client;
    this.#gate = gate;
    this.#clock = clock;
    this.#owner = owner;
    this.#keepAlive = new KeepAlive(clock, this);
    this.#pace = new ReceivePace(client, gate, clock, this);
    this.reader = new SlowReader(client, downstream, gate, clock, this);
  }

  /** For the CONNECT, however it drips in; then anew for its answer. */
  awaitConnect(): void {
    this.#connect?.cancel();
    this.#connect = this.#clock.after(this.#client.policy.limits.connectTimeoutMs, Deadlines.#onConnectTimeout, this);
  }

  static #onConnectTimeout(deadlines: Deadlines): void {
    deadlines.#owner.onConnectTimeout();
  }

  /** The CONNACK went out. `mayListen`: the session that was resumed holds subscriptions, or may hold some. */
  opened(mayListen: boolean): void {
    const { conduct, keepAliveS, policy } = this.#client;
    this.#connect?.cancel();
    this.#connect = undefined;
    this.#keepAlive.start(keepAliveS);
    conduct.connected(this.#clock.nowMs());
    conduct.mayListen = mayListen;
    const { pingOnlyMaxMs } = policy.limits;
    if (mayListen || pingOnlyMaxMs === Number.POSITIVE_INFINITY) return;
    this.#purpose = this.#clock.after(pingOnlyMaxMs, Deadlines.#onPurposeless, this);
  }

  /** It is known who the client is: for the first time, or anew. */
  identified(): void {
    this.#expiry?.cancel();
    this.#expiry = Expiry.watch(this.#client, this.#clock, this.#owner);
  }

  /** A chunk was taken in, which began at `nowMs`, with so many whole packets; `heldBytes` are the beginning of one that is not whole. */
  received(nowMs: number, bytes: number, packets: number, heldBytes: number): void {
    this.#pace.received(bytes, packets, heldBytes > 0);
    if (packets === 0) return;
    this.#keepAlive.heard(nowMs);
    this.#client.conduct.heard(packets, nowMs);
    this.reader.bound();
  }

  cancel(): void {
    this.#connect?.cancel();
    this.#keepAlive.cancel();
    this.#purpose?.cancel();
    this.#expiry?.cancel();
    this.#pace.cancel();
    this.reader.cancel();
  }

  onSilence(): void {
    const { keepAliveS } = this.#client;
    // Where it is we who do not read, the client may well have spoken.
    if (this.#gate.isShut) this.#keepAlive.start(keepAliveS);
    else this.#owner.onLate(silence(keepAliveS));
  }

  /** Whoever listens, has said anything that was permitted, or is here so that its Will tells of its end, has a purpose. */
  static #onPurposeless(deadlines: Deadlines): void {
    const { conduct, connect, subscriptions } = deadlines.#client;
    const hasSpoken = conduct.lastTrafficMs > (conduct.connectedAtMs ?? 0);
    if (!hasSpoken && subscriptions.size === 0 && connect?.will === undefined) deadlines.#owner.onLate(PING_ONLY);
  }

  onDripping(): void {
    this.#owner.onLate(dripping(this.#client.policy.limits.receiveRateMinBytesPerS));
  }

  onTooSlow(): void {
    this.#owner.onStuck(TOO_SLOW);
  }
}
