/** Bounded attacks from loopback addresses of their own, so that what judges addresses can tell them from good clients. */
import { connect as connectTcp, type Socket } from 'node:net';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { NO_PROPERTIES } from '../../src/mqtt/properties.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import type { Target } from '../load/plan.ts';

export const ATTACKS = ['malformed', 'slowite', 'bruteForce', 'largePackets', 'topicScan'] as const;
export type AttackName = (typeof ATTACKS)[number];

export interface AttackScale {
  readonly malformedPerS: number;
  readonly heldConnections: number;
  readonly loginsPerS: number;
  readonly largePacketBytes: number;
  readonly largePacketsPerS: number;
  readonly scannedTopics: number;
}

export interface AttackPlan extends Target {
  readonly attacks: readonly AttackName[];
  readonly scale: AttackScale;
  readonly durationMs: number;
  /** The second byte of all addresses, from 1 to 255: whoever attacks in a network of its own has not been banned yet. */
  readonly network: number;
}

/** What was offered (connections, packets or topics), how many sockets connected, how many the target closed. */
export interface Tally {
  offered: number;
  opened: number;
  closed: number;
}

export type AttackResult = Partial<Record<AttackName, Tally>>;

const VERSION = 4;
const LOOK_MS = 5;
/** Sockets of one attack that are open or about to be: it offers no more while they hang. */
const PENDING_MAX = 2500;
const TOPICS_PER_PACKET = 50;
/** A whole CONNECT, of a protocol and a version that nobody knows. */
const MALFORMED = Buffer.from('100e00065151515151519902003c0000', 'hex');

function connectPacket(clientId: string, username: string, password: string, keepAliveS: number): Buffer {
  return encodePacket(
    {
      type: PacketType.Connect,
      protocolVersion: VERSION,
      bridge: false,
      cleanStart: true,
      keepAliveS,
      clientId,
      username,
      password: Buffer.from(password),
      properties: NO_PROPERTIES,
    },
    VERSION,
  );
}

export class Attacker {
  readonly #plan: AttackPlan;
  readonly #sockets = new Set<Socket>();
  readonly #result: AttackResult = {};
  #isOver = false;
  #count = 0;

  constructor(plan: AttackPlan) {
    this.#plan = plan;
  }

  async run(): Promise<AttackResult> {
    const { attacks, durationMs } = this.#plan;
    const running = attacks.map((name) => this.#attack(name));
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    this.#isOver = true;
    await Promise.all(running);
    // A reset, so that thousands of ports are not kept for a minute.
    for (const socket of this.#sockets) socket.resetAndDestroy();
    return this.#result;
  }

  async #attack(name: AttackName): Promise<void> {
    const tally: Tally = { offered: 0, opened: 0, closed: 0 };
    this.#result[name] = tally;
    const { scale } = this.#plan;
    switch (name) {
      case 'malformed':
        return this.#atRate(scale.malformedPerS, () => this.#open(name, tally, (socket) => socket.write(MALFORMED)));
      case 'slowite':
        return this.#hold(tally);
      case 'bruteForce':
        return this.#atRate(scale.loginsPerS, () => {
          const login = connectPacket(`brute-${this.#count++}`, 'admin', `guess-${this.#count}`, 60);
          this.#open(name, tally, (socket) => socket.write(login));
        });
      case 'largePackets':
        return this.#flood(tally);
      case 'topicScan':
        return this.#scan(tally);
    }
  }

  /** Open loop, within the bound of what may hang. */
  async #atRate(perS: number, act: () => void): Promise<void> {
    const startMs = performance.now();
    let done = 0;
    while (!this.#isOver) {
      const due = Math.floor(((performance.now() - startMs) * perS) / 1000);
      for (; done < due; done++) if (this.#sockets.size < 2 * PENDING_MAX) act();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  #open(name: AttackName, tally: Tally, onConnect: (socket: Socket) => void, onClosed?: () => void): Socket {
    const { host, port, network } = this.#plan;
    tally.offered++;
    // Several addresses an attack, of which each stays within what ports it has.
    const localAddress = `127.${network}.${ATTACKS.indexOf(name) + 1}.${(tally.offered % 8) + 1}`;
    const socket = connectTcp({ host, port, localAddress });
    this.#sockets.add(socket);
    socket.once('connect', () => {
      tally.opened++;
      onConnect(socket);
    });
    socket.on('error', () => undefined);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (!this.#isOver) {
        tally.closed++;
        onClosed?.();
      }
    });
    socket.resume();
    return socket;
  }

  /** Connected, with the longest keep-alive there is, and then silent; who is thrown out comes again. */
  async #hold(tally: Tally): Promise<void> {
    const { scale } = this.#plan;
    let held = 0;
    await this.#atRate(scale.heldConnections / 2, () => {
      if (held >= scale.heldConnections) return;
      held++;
      const login = connectPacket(`slowite-${this.#count++}`, 'guest', 'guest password', 65_535);
      this.#open(
        'slowite',
        tally,
        (socket) => socket.write(login),
        () => held--,
      );
    });
  }

  async #flood(tally: Tally): Promise<void> {
    const { largePacketBytes, largePacketsPerS } = this.#plan.scale;
    const packet = encodePacket(
      {
        type: PacketType.Publish,
        dup: false,
        qos: 0,
        retain: false,
        topic: 'guest/flood',
        packetId: 0,
        payload: Buffer.alloc(largePacketBytes),
        properties: NO_PROPERTIES,
      },
      VERSION,
    );
    let socket: Socket | undefined;
    await this.#atRate(largePacketsPerS, () => {
      if (socket?.readyState === 'open' && socket.writableLength < 4 * largePacketBytes) {
        tally.offered++;
        socket.write(packet);
      } else if (socket === undefined || socket.destroyed) {
        const login = connectPacket(`large-${this.#count++}`, 'guest', 'guest password', 60);
        socket = this.#open('largePackets', tally, (opened) => opened.write(Buffer.concat([login, packet])));
      }
    });
  }

  async #scan(tally: Tally): Promise<void> {
    const { scannedTopics } = this.#plan.scale;
    const perS = (scannedTopics / TOPICS_PER_PACKET / this.#plan.durationMs) * 1000;
    const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    let socket: Socket | undefined;
    let topic = 0;
    await this.#atRate(perS, () => {
      if (topic >= scannedTopics) return;
      if (socket?.readyState === 'open') {
        const subscriptions = Array.from({ length: TOPICS_PER_PACKET }, () => ({
          filter: `scan/${topic++}`,
          ...options,
        }));
        tally.offered += TOPICS_PER_PACKET;
        const packetId = (topic % 0xffff) + 1;
        socket.write(
          encodePacket({ type: PacketType.Subscribe, packetId, subscriptions, properties: NO_PROPERTIES }, VERSION),
        );
      } else if (socket === undefined || socket.destroyed) {
        const login = connectPacket(`scan-${this.#count++}`, 'guest', 'guest password', 60);
        socket = this.#open('topicScan', tally, (opened) => opened.write(login));
      }
    });
  }
}
