/** Closed loop: at QoS 1 and 2 each publisher has a window of messages under way, at QoS 0 the sockets' backpressure is the window. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { PacketType } from '../../src/mqtt/wire.ts';
import { processorMs } from '../processes.ts';
import { inBatches, join, publishPacket, subscribe, topicOf } from './client.ts';
import { acknowledger, Frames } from './frames.ts';
import type { FloodPlan, FloodResult } from './plan.ts';

/** Bytes in one write, at the most. */
const BLOCK_MAX_BYTES = 65_536;
const LOOK_MS = 25;
/** Messages that are late are waited for as long as others still come. */
const STALL_MAX_MS = 2_000;

interface Snapshot {
  readonly atMs: number;
  readonly sent: number;
  readonly received: number;
  readonly acknowledged: number;
  readonly targetMs: number;
  readonly loadMs: number;
}

export class Flood {
  readonly #plan: FloodPlan;
  readonly #sockets: Socket[] = [];
  #starts: (() => void)[] = [];
  #sent = 0;
  #received = 0;
  #acknowledged = 0;
  #refused = 0;
  #isDone = false;
  /** Publishers that are too far ahead. */
  #waiting: (() => void)[] = [];

  constructor(plan: FloodPlan) {
    this.#plan = plan;
  }

  async prepare(): Promise<void> {
    const { publishers, subscribers } = this.#plan;
    await inBatches(subscribers, (index) => this.#addSubscriber(index));
    this.#starts = await inBatches(publishers, (index) => this.#addPublisher(index));
  }

  async run(): Promise<FloodResult> {
    const { warmUpMs, durationMs } = this.#plan;
    const first = this.#snapshot();
    for (const start of this.#starts) start();
    if (warmUpMs > 0) await sleep(warmUpMs);
    const from = warmUpMs > 0 ? this.#snapshot() : first;
    await this.#untilDone(durationMs);
    const to = this.#snapshot();
    this.#isDone = true;
    await this.#untilWhole();
    for (const socket of this.#sockets) socket.destroy();
    return {
      sent: to.sent - from.sent,
      received: to.received - from.received,
      acknowledged: to.acknowledged - from.acknowledged,
      elapsedMs: to.atMs - from.atMs,
      targetMs: to.targetMs - from.targetMs,
      loadMs: to.loadMs - from.loadMs,
      totalSent: this.#sent,
      totalReceived: this.#received,
      totalAcknowledged: this.#acknowledged,
      refused: this.#refused,
    };
  }

  #snapshot(): Snapshot {
    return {
      atMs: performance.now(),
      sent: this.#sent,
      received: this.#received,
      acknowledged: this.#acknowledged,
      targetMs: processorMs(this.#plan.pids),
      loadMs: processorMs([process.pid]),
    };
  }

  async #untilDone(durationMs: number): Promise<void> {
    const { messages } = this.#plan;
    if (messages === 0) return sleep(durationMs);
    const endMs = performance.now() + durationMs;
    while (this.#sent < messages && performance.now() < endMs) await sleep(LOOK_MS);
  }

  /** What is still under way is waited for: every message counts, and those that never come are told. */
  async #untilWhole(): Promise<void> {
    const { copies, qos } = this.#plan;
    let stalledMs = 0;
    let before = -1;
    while (stalledMs < STALL_MAX_MS) {
      const isWhole = this.#received >= this.#sent * copies && (qos === 0 || this.#acknowledged >= this.#sent);
      if (isWhole) return;
      const now = this.#received + this.#acknowledged;
      stalledMs = now === before ? stalledMs + LOOK_MS : 0;
      before = now;
      await sleep(LOOK_MS);
    }
  }

  #mayContinue(): boolean {
    return !this.#isDone && (this.#plan.messages === 0 || this.#sent < this.#plan.messages);
  }

  #wake(): void {
    const { copies, aheadMax } = this.#plan;
    if (this.#waiting.length === 0 || this.#sent * copies - this.#received > aheadMax / 2) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const send of waiting) send();
  }

  async #addSubscriber(index: number): Promise<void> {
    const { prefix, pattern, topicRoot, qos, payloadBytes } = this.#plan;
    const socket = await join(this.#plan, `${prefix}-s${index}`);
    this.#sockets.push(socket);
    await subscribe(socket, pattern === 'pairs' ? topicOf(topicRoot, index) : `${topicRoot}/#`, qos);
    if (qos === 0) {
      const packetBytes = publishPacket(topicOf(topicRoot, 0), 0, 0, payloadBytes).length;
      let bytes = 0;
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        const whole = Math.floor(bytes / packetBytes);
        this.#received += whole;
        bytes -= whole * packetBytes;
        this.#wake();
      });
      return;
    }
    const answers = acknowledger(socket);
    const frames = new Frames((first, packetId) => {
      const type = first >> 4;
      if (type === PacketType.Publish) {
        this.#received++;
        answers.add((first & 6) === 2 ? 0x40 : 0x50, packetId);
      } else if (type === PacketType.Pubrel) answers.add(0x70, packetId);
    });
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      answers.flush();
    });
  }

  async #addPublisher(index: number): Promise<() => void> {
    const socket = await join(this.#plan, `${this.#plan.prefix}-p${index}`);
    this.#sockets.push(socket);
    return this.#plan.qos === 0 ? this.#unacknowledged(socket, index) : this.#acknowledgedOnes(socket, index);
  }

  #packets(index: number): Buffer[] {
    const { topicRoot, topicsPerPublisher, qos, payloadBytes } = this.#plan;
    return Array.from({ length: topicsPerPublisher }, (_, topic) =>
      publishPacket(topicOf(topicRoot, index * topicsPerPublisher + topic), qos, 1, payloadBytes),
    );
  }

  #unacknowledged(socket: Socket, index: number): () => void {
    const { batch, copies, aheadMax } = this.#plan;
    const packets = this.#packets(index);
    const perWrite = Math.max(1, Math.min(batch, Math.floor(BLOCK_MAX_BYTES / packets[0]!.length)));
    const blocks: Buffer[] = [];
    for (let at = 0; at < packets.length; at += perWrite) {
      blocks.push(Buffer.concat(Array.from({ length: perWrite }, (_, i) => packets[(at + i) % packets.length]!)));
    }
    let next = 0;
    const send = (): void => {
      while (this.#mayContinue()) {
        // In step with the subscribers, so that nobody measures how fast a broker throws messages away.
        if (this.#sent * copies - this.#received > aheadMax) {
          this.#waiting.push(send);
          return;
        }
        this.#sent += perWrite;
        const block = blocks[next]!;
        next = next + 1 === blocks.length ? 0 : next + 1;
        if (!socket.write(block)) {
          socket.once('drain', send);
          return;
        }
        if (copies === 0) {
          setImmediate(send);
          return;
        }
      }
    };
    return send;
  }

  #acknowledgedOnes(socket: Socket, index: number): () => void {
    const { window, batch, payloadBytes } = this.#plan;
    const packets = this.#packets(index);
    const packetBytes = packets[0]!.length;
    const idAt = packetBytes - payloadBytes - 2;
    const perWrite = Math.max(1, Math.min(batch, Math.floor(BLOCK_MAX_BYTES / packetBytes)));
    let nextId = 1;
    let nextTopic = 0;
    let inflight = 0;
    const fill = (): void => {
      while (this.#mayContinue()) {
        const room = Math.min(window - inflight, perWrite);
        if (room <= 0) return;
        const block = Buffer.allocUnsafe(packetBytes * room);
        for (let i = 0; i < room; i++) {
          packets[nextTopic]!.copy(block, i * packetBytes);
          nextTopic = nextTopic + 1 === packets.length ? 0 : nextTopic + 1;
          block[i * packetBytes + idAt] = nextId >> 8;
          block[i * packetBytes + idAt + 1] = nextId;
          nextId = nextId === 0xffff ? 1 : nextId + 1;
        }
        inflight += room;
        this.#sent += room;
        socket.write(block);
      }
    };
    const answers = acknowledger(socket);
    const frames = new Frames((first, packetId) => {
      const type = first >> 4;
      if (type === PacketType.Puback || type === PacketType.Pubcomp) {
        inflight--;
        this.#acknowledged++;
      } else if (type === PacketType.Pubrec) answers.add(0x62, packetId);
      else this.#refused++;
    });
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      answers.flush();
      fill();
    });
    return fill;
  }
}
