/**
 * The clients that must not notice: each publishes at QoS 1 to a topic of its own and hears itself, at a fixed rate, whether or not
 * the target keeps up (open loop). A process of its own; told to begin and end phases, it answers with what its clients saw.
 */
import type { Socket } from 'node:net';
import { PacketType } from '../../src/mqtt/wire.ts';
import { inBatches, join, publishPacket, subscribe } from '../load/client.ts';
import { acknowledger, Frames } from '../load/frames.ts';
import type { Target } from '../load/plan.ts';

export interface GoodPlan extends Target {
  readonly clients: number;
  /** Of all together. */
  readonly ratePerS: number;
}

export interface GoodPhase {
  readonly sent: number;
  /** Sent in this phase and never heard. */
  readonly lost: number;
  /** Connections that ended, from the beginning of the phase. */
  readonly disconnected: number;
  /** From when a message was due to when it was heard, of each that was. */
  readonly latenciesMs: readonly number[];
}

const PAYLOAD_BYTES = 64;
const TURN_MS = 1;
const LATE_MAX_MS = 10_000;
const LOOK_MS = 20;

interface Member {
  readonly socket: Socket;
  readonly packet: Buffer;
  packetId: number;
}

export class GoodClients {
  readonly #plan: GoodPlan;
  readonly #members: Member[] = [];
  #phase = 0;
  #sent = 0;
  #heard = 0;
  #acknowledged = 0;
  #disconnected = 0;
  #latenciesMs: number[] = [];
  #next = 0;
  #dueMs = 0;
  #isPaused = true;

  constructor(plan: GoodPlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<void> {
    const { clients } = this.#plan;
    this.#members.push(...(await inBatches(clients, (index) => this.#join(index))));
    this.#turn();
  }

  async #join(index: number): Promise<Member> {
    const topic = `good/${String(index).padStart(4, '0')}`;
    const socket = await join(this.#plan, `good-${index}`);
    await subscribe(socket, topic, 1);
    const answers = acknowledger(socket);
    const frames = new Frames((first, packetId, bytes, payloadAt) => {
      if (first >> 4 === PacketType.Puback) this.#acknowledged++;
      if (first >> 4 !== PacketType.Publish) return;
      answers.add(0x40, packetId);
      if (bytes.readUInt32BE(payloadAt + 8) !== this.#phase) return;
      this.#heard++;
      this.#latenciesMs.push(performance.now() - bytes.readDoubleBE(payloadAt));
    });
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      answers.flush();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => this.#disconnected++);
    return { socket, packet: publishPacket(topic, 1, 1, PAYLOAD_BYTES), packetId: 0 };
  }

  #turn(): void {
    const nowMs = performance.now();
    while (!this.#isPaused && this.#dueMs <= nowMs) {
      this.#send(this.#dueMs);
      this.#dueMs += 1000 / this.#plan.ratePerS;
    }
    setTimeout(() => this.#turn(), TURN_MS);
  }

  #send(dueMs: number): void {
    const member = this.#members[this.#next++ % this.#members.length]!;
    const packet = Buffer.from(member.packet);
    const payloadAt = packet.length - PAYLOAD_BYTES;
    member.packetId = (member.packetId % 0xffff) + 1;
    packet.writeUInt16BE(member.packetId, payloadAt - 2);
    packet.writeDoubleBE(dueMs, payloadAt);
    packet.writeUInt32BE(this.#phase, payloadAt + 8);
    this.#sent++;
    if (!member.socket.destroyed) member.socket.write(packet);
  }

  /** Begins to publish; what came of an earlier phase counts no more. */
  begin(): void {
    this.#phase++;
    this.#sent = this.#heard = this.#acknowledged = this.#disconnected = 0;
    this.#latenciesMs = [];
    this.#dueMs = performance.now();
    this.#isPaused = false;
  }

  /** Stops to publish, and waits for what is late. */
  async end(): Promise<GoodPhase> {
    this.#isPaused = true;
    const endMs = performance.now() + LATE_MAX_MS;
    while ((this.#heard < this.#sent || this.#acknowledged < this.#sent) && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return {
      sent: this.#sent,
      lost: this.#sent - Math.min(this.#heard, this.#acknowledged),
      disconnected: this.#disconnected,
      latenciesMs: this.#latenciesMs,
    };
  }
}
