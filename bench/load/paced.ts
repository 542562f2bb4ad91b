/**
 * Open loop: each message has its time, and its latency counts from there, sent late or not. So a target that stalls is charged for
 * every message that the stall delayed, not for one (coordinated omission).
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { PacketType } from '../../src/mqtt/wire.ts';
import { join, publishPacket, subscribe, topicOf } from './client.ts';
import { acknowledger, Frames } from './frames.ts';
import type { PacedPlan, PacedResult } from './plan.ts';

const NUMBER_BYTES = 8;
const LATE_MAX_MS = 3_000;

export class Paced {
  readonly #plan: PacedPlan;
  readonly #publishers: { readonly socket: Socket; readonly packet: Buffer; packetId: number }[] = [];
  #latenciesUs = new Float64Array(0);
  #measured = 0;
  #received = 0;
  #sent = 0;
  #startMs = 0;

  constructor(plan: PacedPlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<void> {
    const { prefix, topicRoot, publishers, qos, payloadBytes } = this.#plan;
    const subscriber = await join(this.#plan, `${prefix}-s`);
    await subscribe(subscriber, `${topicRoot}/#`, qos);
    const answers = acknowledger(subscriber);
    const frames = new Frames((first, packetId, bytes, payloadAt) => {
      if (first >> 4 === PacketType.Pubrel) answers.add(0x70, packetId);
      if (first >> 4 !== PacketType.Publish) return;
      this.#take(bytes.readDoubleBE(payloadAt));
      if (qos > 0) answers.add(qos === 1 ? 0x40 : 0x50, packetId);
    });
    subscriber.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      answers.flush();
    });
    for (let index = 0; index < publishers; index++) {
      const socket = await join(this.#plan, `${prefix}-p${index}`);
      const released = acknowledger(socket);
      const acks = new Frames((first, packetId) => {
        if (first >> 4 === PacketType.Pubrec) released.add(0x62, packetId);
      });
      socket.on('data', (chunk: Buffer) => {
        acks.push(chunk);
        released.flush();
      });
      const packet = publishPacket(topicOf(topicRoot, index), qos, 1, Math.max(payloadBytes, NUMBER_BYTES));
      this.#publishers.push({ socket, packet, packetId: 0 });
    }
  }

  run(): Promise<PacedResult> {
    const { warmUpMs, durationMs, ratePerS } = this.#plan;
    const total = Math.floor(((warmUpMs + durationMs) * ratePerS) / 1000);
    this.#latenciesUs = new Float64Array(total);
    this.#startMs = performance.now();
    return new Promise((resolve) => {
      let endMs = Number.POSITIVE_INFINITY;
      // Spins, since a timer's grain of a millisecond would be longer than what is measured.
      const turn = (): void => {
        const nowMs = performance.now();
        while (this.#sent < total && this.#dueMs(this.#sent) <= nowMs) this.#send();
        if (this.#sent === total && endMs === Number.POSITIVE_INFINITY) endMs = nowMs + LATE_MAX_MS;
        if (this.#received >= total || nowMs > endMs) resolve(this.#result());
        else setImmediate(turn);
      };
      turn();
    });
  }

  #dueMs(number: number): number {
    return this.#startMs + (number * 1000) / this.#plan.ratePerS;
  }

  #send(): void {
    const number = this.#sent++;
    const publisher = this.#publishers[number % this.#publishers.length]!;
    const packet = Buffer.from(publisher.packet);
    const payloadAt = packet.length - Math.max(this.#plan.payloadBytes, NUMBER_BYTES);
    packet.writeDoubleBE(number, payloadAt);
    if (this.#plan.qos > 0) {
      publisher.packetId = (publisher.packetId % 0xffff) + 1;
      packet.writeUInt16BE(publisher.packetId, payloadAt - 2);
    }
    publisher.socket.write(packet);
  }

  #take(number: number): void {
    this.#received++;
    const dueMs = this.#dueMs(number);
    if (dueMs < this.#startMs + this.#plan.warmUpMs) return;
    this.#latenciesUs[this.#measured++] = (performance.now() - dueMs) * 1000;
  }

  #result(): PacedResult {
    const sorted = this.#latenciesUs.subarray(0, this.#measured).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
    for (const { socket } of this.#publishers) socket.destroy();
    return {
      sent: this.#sent,
      received: this.#received,
      p50Us: at(0.5),
      p99Us: at(0.99),
      p999Us: at(0.999),
      maxUs: at(1),
    };
  }
}
