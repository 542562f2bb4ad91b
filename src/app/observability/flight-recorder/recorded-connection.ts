/** Stands between a socket and its connection, and lets the recorder see every byte that passes, either way. */
import type { ByteBatch } from '../../../base/byte-batch.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Downstream, DownstreamEnd, DownstreamFacts, DownstreamHandler } from '../../../pipeline/downstream.ts';
import type { KeepRules } from './kept-part.ts';
import { PacketRing } from './packet-ring.ts';
import { PacketTap, type TapContext } from './packet-tap.ts';

/** What is kept of one connection. */
export class Tape {
  readonly facts: DownstreamFacts;
  /** Of the wall clock, in milliseconds, what is to be added to the monotonic one. */
  readonly aheadMs: number;
  readonly fromClient: PacketRing;
  readonly toClient: PacketRing;
  readonly sizeBytes: number;
  readonly #taps: readonly [PacketTap, PacketTap];
  readonly #clock: Clock;

  constructor(facts: DownstreamFacts, clock: Clock, sizeBytes: number, rules: KeepRules) {
    this.facts = facts;
    this.sizeBytes = Tape.sizeOf(sizeBytes, rules);
    this.#clock = clock;
    this.aheadMs = clock.epochMs() - clock.nowMs();
    const context: TapContext = { rules, isV5: false };
    this.fromClient = new PacketRing(sizeBytes / 2);
    this.toClient = new PacketRing(sizeBytes / 2);
    this.#taps = [new PacketTap(this.fromClient, context), new PacketTap(this.toClient, context)];
  }

  /** With a packet each way that is still coming. */
  static sizeOf(ringsBytes: number, { bytesMax }: KeepRules): number {
    return ringsBytes + 2 * bytesMax;
  }

  read(buffer: Uint8Array, size: number): void {
    this.#taps[0].take(buffer, 0, size, this.#clock.nowMs());
  }

  written(bytes: Uint8Array, start: number, end: number): void {
    this.#taps[1].take(bytes, start, end, this.#clock.nowMs());
  }

  /** The connection has ended. */
  finish(): void {
    for (const tap of this.#taps) tap.finish(this.#clock.nowMs());
  }
}

export class RecordedDownstream implements Downstream {
  readonly facts: DownstreamFacts;
  readonly batch: ByteBatch;
  readonly #inner: Downstream;
  readonly #tape: Tape;
  /** How much of the batch was seen, in which of its lives. */
  #seen = 0;
  #emptied = 0;

  constructor(inner: Downstream, tape: Tape) {
    this.#inner = inner;
    this.#tape = tape;
    this.facts = inner.facts;
    this.batch = inner.batch;
    this.#emptied = inner.batch.emptied;
  }

  touch(): void {
    const { batch } = this;
    if (batch.emptied !== this.#emptied) {
      this.#emptied = batch.emptied;
      this.#seen = 0;
    }
    this.#tape.written(batch.bytes, this.#seen, batch.length);
    this.#seen = batch.length;
    this.#inner.touch();
  }

  bufferedBytes(): number {
    return this.#inner.bufferedBytes();
  }

  takenBytes(): number | undefined {
    return this.#inner.takenBytes();
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  established(): void {
    this.#inner.established();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}

export class RecordedHandler implements DownstreamHandler {
  readonly #inner: DownstreamHandler;
  readonly #tape: Tape;
  readonly #onGone: () => void;

  constructor(inner: DownstreamHandler, tape: Tape, onGone: () => void) {
    this.#inner = inner;
    this.#tape = tape;
    this.#onGone = onGone;
  }

  onBytes(buffer: Uint8Array, size: number): void {
    this.#tape.read(buffer, size);
    this.#inner.onBytes(buffer, size);
  }

  onBlocked(): void {
    this.#inner.onBlocked?.();
  }

  onDrain(): void {
    this.#inner.onDrain();
  }

  onClosed(end: DownstreamEnd): void {
    this.#tape.finish();
    this.#inner.onClosed(end);
    this.#onGone();
  }
}
