/** A steady stream in which every message is counted, and visitors: clients that come, get a message of their own, and leave. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { inBatches, join, publishPacket, subscribe, topicOf } from './client.ts';
import { acknowledger, Frames } from './frames.ts';
import type { SoakPlan, SoakResult } from './plan.ts';

const TICK_MS = 10;
/** After a pause of the machine the stream goes on at its rate, and does not catch up in a burst. */
const BURST_MAX_TICKS = 20;
const STALL_MAX_MS = 10_000;
const VISIT_DEADLINE_MS = 10_000;
/** Every second visitor has a session that lasts, and is one of so many; the others are new each time. */
const LASTING_VISITORS = 500;
/** Every fourth leaves without DISCONNECT. */
const RUDE_SHARE = 4;
const DISCONNECT = encodePacket({ type: PacketType.Disconnect, reasonCode: 0, properties: {} }, 4);

interface Publisher {
  readonly socket: Socket;
  readonly packet: Buffer;
  readonly idAt: number;
  packetId: number;
}

export class Soak {
  readonly #plan: SoakPlan;
  readonly #sockets: Socket[] = [];
  #publishers: Publisher[] = [];
  #sent = 0;
  #acknowledged = 0;
  #received = 0;
  #visits = 0;
  #visitsFailed = 0;
  #visiting = 0;
  #firstFailure = '';

  constructor(plan: SoakPlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<void> {
    await inBatches(this.#plan.pairs, (index) => this.#addSubscriber(index));
    this.#publishers = await inBatches(this.#plan.pairs, (index) => this.#addPublisher(index));
  }

  async #addSubscriber(index: number): Promise<void> {
    const { prefix, topicRoot } = this.#plan;
    const socket = await join(this.#plan, `${prefix}-s${index}`);
    this.#sockets.push(socket);
    await subscribe(socket, topicOf(topicRoot, index), 1);
    const answers = acknowledger(socket);
    const frames = new Frames((first, packetId) => {
      if (first >> 4 !== PacketType.Publish) return;
      this.#received++;
      answers.add(0x40, packetId);
    });
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      answers.flush();
    });
  }

  async #addPublisher(index: number): Promise<Publisher> {
    const { prefix, topicRoot, payloadBytes } = this.#plan;
    const socket = await join(this.#plan, `${prefix}-p${index}`);
    this.#sockets.push(socket);
    const frames = new Frames((first) => {
      if (first >> 4 === PacketType.Puback) this.#acknowledged++;
    });
    socket.on('data', (chunk: Buffer) => frames.push(chunk));
    const packet = publishPacket(topicOf(topicRoot, index), 1, 1, payloadBytes);
    return { socket, packet, idAt: packet.length - payloadBytes - 2, packetId: 0 };
  }

  async run(): Promise<SoakResult> {
    const { durationMs, ratePerS, visitsPerS } = this.#plan;
    const endMs = performance.now() + durationMs;
    let lastMs = performance.now();
    let dueMessages = 0;
    let dueVisits = 0;
    while (lastMs < endMs) {
      await sleep(TICK_MS);
      const nowMs = performance.now();
      const passedS = Math.min(nowMs - lastMs, BURST_MAX_TICKS * TICK_MS) / 1000;
      lastMs = nowMs;
      dueMessages += passedS * ratePerS;
      for (; dueMessages >= 1; dueMessages--) this.#send();
      dueVisits += passedS * visitsPerS;
      for (; dueVisits >= 1; dueVisits--) void this.#visit(this.#visits++);
    }
    await this.#untilWhole();
    for (const socket of this.#sockets) socket.destroy();
    return {
      sent: this.#sent,
      acknowledged: this.#acknowledged,
      received: this.#received,
      visits: this.#visits,
      visitsFailed: this.#visitsFailed,
      firstFailure: this.#firstFailure,
    };
  }

  #send(): void {
    const publisher = this.#publishers[this.#sent++ % this.#publishers.length]!;
    publisher.packetId = (publisher.packetId % 0xffff) + 1;
    const packet = Buffer.from(publisher.packet);
    packet.writeUInt16BE(publisher.packetId, publisher.idAt);
    publisher.socket.write(packet);
  }

  async #visit(number: number): Promise<void> {
    this.#visiting++;
    try {
      await this.#stay(number);
    } catch (error) {
      this.#visitsFailed++;
      this.#firstFailure ||= (error as Error).message;
    }
    this.#visiting--;
  }

  async #stay(number: number): Promise<void> {
    const { prefix, topicRoot, payloadBytes } = this.#plan;
    const isLasting = number % 2 === 0;
    const name = isLasting ? `lasting-${(number / 2) % LASTING_VISITORS}` : `passing-${number}`;
    const socket = await join(this.#plan, `${prefix}-${name}`, !isLasting);
    socket.on('error', () => undefined);
    const topic = `${topicRoot}/${name}`;
    await subscribe(socket, topic, 1);
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => (): void => reject(new Error(`the visit of ${name} ${why}`));
      const timer = setTimeout(fail('was not answered in time'), VISIT_DEADLINE_MS);
      let isAcknowledged = false;
      let isReceived = false;
      const answers = acknowledger(socket);
      const frames = new Frames((first, packetId) => {
        if (first >> 4 === PacketType.Puback) isAcknowledged = true;
        if (first >> 4 !== PacketType.Publish) return;
        isReceived = true;
        answers.add(0x40, packetId);
      });
      socket.on('data', (chunk: Buffer) => {
        frames.push(chunk);
        answers.flush();
        if (!isAcknowledged || !isReceived) return;
        clearTimeout(timer);
        resolve();
      });
      socket.once('close', fail('was cut short'));
      socket.write(publishPacket(topic, 1, 2, payloadBytes));
    }).finally(() => {
      if (number % RUDE_SHARE === 0) socket.end();
      else socket.end(DISCONNECT);
    });
  }

  /** What is still under way is waited for, as long as anything comes. */
  async #untilWhole(): Promise<void> {
    let stalledMs = 0;
    let before = -1;
    while (stalledMs < STALL_MAX_MS) {
      const isWhole = this.#received >= this.#sent && this.#acknowledged >= this.#sent;
      if (isWhole && this.#visiting === 0) return;
      const now = this.#received + this.#acknowledged - this.#visiting;
      stalledMs = now === before ? stalledMs + TICK_MS : 0;
      before = now;
      await sleep(TICK_MS);
    }
  }
}
