/** A client's side of a link, without the client: it notes what it is told, and has the packets of a client at hand. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemChance } from '../../src/base/chance.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { GatewayEvent } from '../../src/base/events.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import type { Frame } from '../../src/mqtt/frame.ts';
import type { DownstreamReceiver, UpstreamLink } from '../../src/mqtt/link.ts';
import type {
  ConnackPacket,
  DisconnectPacket,
  PublishPacket,
  SubackPacket,
  UnsubackPacket,
} from '../../src/mqtt/packet.ts';
import { scanPublish, viewToPacket } from '../../src/mqtt/packets/publish.ts';
import { PublishView } from '../../src/mqtt/publish-view.ts';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';
import { Upstream } from '../../src/transports/upstream/upstream.ts';
import type { TargetOptions, UpstreamOptions } from '../../src/transports/upstream/upstream-options.ts';
import { type ConnectInit, connect } from './packets.ts';
import { Patience } from './patience.ts';

const DEADLINE_MS = 30_000;

/** Waits until it is so; a test that waits in vain fails. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  using patience = new Patience(DEADLINE_MS);
  while (!isSo()) {
    if (patience.isOver) throw new Error(`in vain: ${what}`);
    await sleep(2);
  }
}

export function target(port: number, init: Partial<TargetOptions> = {}): TargetOptions {
  const host = '127.0.0.1';
  return { url: `mqtt://${host}:${port}`, scheme: 'mqtt', host, port, path: '', weight: 1, ...init };
}

/** No health checks, unless they are asked for. */
export function upstreamOptions(
  targets: readonly TargetOptions[],
  init: Partial<UpstreamOptions> = {},
): UpstreamOptions {
  return {
    name: 'stub',
    balance: 'round-robin',
    targets,
    connectTimeoutMs: 2000,
    healthCheck: { intervalMs: 0, timeoutMs: 1000, clientId: 'check' },
    ejection: {
      consecutiveFailuresMax: 3,
      failureShareMaxPercent: 100,
      windowMs: 1000,
      attemptsMin: 10,
      durationMs: 60_000,
      durationMaxMs: 60_000,
    },
    slowStartMs: 0,
    credentials: { kind: 'passthrough' },
    clientIdPrefix: '',
    proxyProtocol: 'off',
    mqtt5: 'auto',
    bufferMaxBytes: 65_536,
    packetSizeMaxBytes: 65_536,
    clientsMax: 1000,
    ...init,
  };
}

/** An upstream of the given targets, with what it told. */
export function makeUpstream(
  options: UpstreamOptions,
  clock: Clock = systemClock,
): { upstream: Upstream; events: GatewayEvent[] } {
  const events: GatewayEvent[] = [];
  const upstream = new Upstream(options, { clock, chance: systemChance, emit: (event) => events.push(event) });
  return { upstream, events };
}

export interface LinkedInit extends ConnectInit {
  owner?: string;
}

export class UpstreamClient implements DownstreamReceiver {
  readonly version: ProtocolVersion;
  readonly link: UpstreamLink;
  connackPacket: ConnackPacket | undefined;
  readonly deliveries: PublishPacket[] = [];
  readonly acks: string[] = [];
  readonly subacks: SubackPacket[] = [];
  readonly unsubacks: UnsubackPacket[] = [];
  /** Frames as they came, where there was one. */
  readonly frames: Buffer[] = [];
  /** The deliveries' bytes. */
  readonly publishes: Buffer[] = [];
  pongs = 0;
  drains = 0;
  readonly closes: (DisconnectPacket | undefined)[] = [];
  /** How many deliveries are taken before it asks to hold. */
  room = Number.POSITIVE_INFINITY;
  readonly #view = new PublishView();

  constructor(upstream: Upstream, version: ProtocolVersion, username?: string) {
    this.version = version;
    const downstream = { connectionId: 'c1', listener: 'test', address: '192.0.2.1', port: 40_000, secure: false };
    const facts = { connectionId: 'c1', listener: 'test', address: '192.0.2.1', port: 40_000 };
    this.link = upstream.open(this, { version, username, downstream, facts: () => ({ ...facts }) });
  }

  /** Sends CONNECT, and waits for the answer. */
  async connect(init: LinkedInit = {}): Promise<this> {
    this.start(init);
    await until(() => this.connackPacket !== undefined || this.closes.length > 0, 'an answer to CONNECT');
    return this;
  }

  start({ owner = 'user:ann', ...init }: LinkedInit = {}): void {
    this.link.connect(connect(this.version, { clientId: 'client', ...init }), { owner, address: '192.0.2.1' });
  }

  /** `topic` is what the gateway found the alias to stand for. */
  send(packet: PublishPacket, topic = packet.topic): boolean {
    const bytes = encodePacket(packet, this.version);
    const lengthBytes = bytes.subarray(1).findIndex((byte) => byte < 0x80) + 1;
    const frame = { bytes, start: 0, bodyStart: 1 + lengthBytes, end: bytes.length };
    const fault = scanPublish(this.#view, frame, this.version, 'client');
    if (fault !== undefined) throw new Error(fault.says);
    this.#view.topic = topic;
    return this.link.publish(this.#view);
  }

  #keep(frame: Frame | undefined): void {
    if (frame !== undefined) this.frames.push(Buffer.from(frame.bytes.subarray(frame.start, frame.end)));
  }

  connack(packet: ConnackPacket): void {
    this.connackPacket = packet;
  }

  publish(view: PublishView): boolean {
    this.publishes.push(Buffer.from(view.bytes.subarray(view.start, view.end)));
    this.deliveries.push({ ...viewToPacket(view), topic: view.topic });
    this.room--;
    return this.room > 0;
  }

  acknowledge(type: number, packetId: number, reasonCode: number, _properties?: unknown, frame?: Frame): void {
    this.acks.push(`${type} ${packetId} ${reasonCode}`);
    this.#keep(frame);
  }

  suback(packet: SubackPacket, frame?: Frame): void {
    this.subacks.push(packet);
    this.#keep(frame);
  }

  unsuback(packet: UnsubackPacket, frame?: Frame): void {
    this.unsubacks.push(packet);
    this.#keep(frame);
  }

  pong(): void {
    this.pongs++;
  }

  authenticate(): void {}

  drained(): void {
    this.drains++;
  }

  closed(disconnect: DisconnectPacket | undefined, frame?: Frame): void {
    this.closes.push(disconnect);
    this.#keep(frame);
  }
}
