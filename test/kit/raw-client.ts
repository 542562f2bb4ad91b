/** A client that says exactly what a test tells it to, byte for byte, and demands exact answers within a deadline. */
import assert from 'node:assert/strict';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import WebSocket, { createWebSocketStream } from 'ws';
import type {
  AckPacket,
  AckType,
  ConnackPacket,
  Packet,
  PublishPacket,
  SubackPacket,
  UnsubackPacket,
} from '../../src/mqtt/packet.ts';
import type { Properties } from '../../src/mqtt/properties.ts';
import { PacketType, type ProtocolVersion, type QoS } from '../../src/mqtt/wire.ts';
import { encode, PacketReader } from './codec.ts';
import {
  ack,
  type ConnectInit,
  connect,
  disconnect,
  type Payload,
  type PublishInit,
  publish,
  type SubscriptionInit,
  subscribe,
  unsubscribe,
} from './packets.ts';
import { Patience } from './patience.ts';

/** How long an answer may take; generous, because machines that run tests are busy. */
const DEADLINE_MS = 30_000;
/** When nothing comes that would be a reason to. */
const LOOK_AGAIN_MS = 100;

export type Endpoint =
  | { transport: 'tcp'; host: string; port: number }
  | { transport: 'tls'; host: string; port: number; options: tls.ConnectionOptions }
  | { transport: 'ws'; url: string; options?: WebSocket.ClientOptions };

export type PacketOf<T extends PacketType> = T extends AckType ? AckPacket : Extract<Packet, { type: T }>;

/** Some fields of a packet, recursively; `payload` may be text; a field that is undefined must be absent. */
export type Like<P> = {
  [K in keyof P]?: K extends 'payload' ? Payload : P[K] | (P[K] extends Properties ? object : never);
};

export type SubscribeInit = Omit<SubscriptionInit, 'filter' | 'qos'> & { properties?: Properties; packetId?: number };

const NAMES = Object.fromEntries(Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]));

/** One packet on one line, for the message of a failed test. */
export function show(packet: Packet | 'closed'): string {
  if (packet === 'closed') return 'the end of the connection';
  const fields = Object.entries(packet).filter(([key]) => key !== 'type');
  const bytesAsText = (_key: string, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
  return `${NAMES[packet.type]} ${JSON.stringify(Object.fromEntries(fields.map(plain)), bytesAsText)}`;
}

/** A Buffer would turn itself into JSON before a replacer sees it. */
function plain([key, value]: [string, unknown]): [string, unknown] {
  return [key, value instanceof Uint8Array ? new Uint8Array(value) : value];
}

function isLike(actual: unknown, expected: unknown): boolean {
  if (actual instanceof Uint8Array) {
    const bytes = typeof expected === 'string' ? Buffer.from(expected) : expected;
    return bytes instanceof Uint8Array && Buffer.compare(actual, bytes) === 0;
  }
  if (typeof expected === 'object' && expected !== null && !Array.isArray(expected)) {
    if (typeof actual !== 'object' || actual === null) return false;
    const fields = actual as Record<string, unknown>;
    return Object.entries(expected).every(([key, value]) => isLike(fields[key], value));
  }
  return isDeepStrictEqual(actual, expected);
}

/** The size of the packet that begins here, or 0 while its length has not arrived. */
function frameSize(bytes: Uint8Array): number {
  let length = 0;
  for (let at = 1; at < Math.min(bytes.length, 5); at++) {
    length += (bytes[at]! & 0x7f) << (7 * (at - 1));
    if (bytes[at]! < 0x80) return at + 1 + length;
  }
  return 0;
}

function openStream(endpoint: Endpoint): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    if (endpoint.transport === 'ws') {
      const socket = new WebSocket(endpoint.url, 'mqtt', endpoint.options);
      socket.once('error', reject);
      socket.once('open', () => resolve(createWebSocketStream(socket)));
      return;
    }
    const { host, port } = endpoint;
    const socket =
      endpoint.transport === 'tls'
        ? tls.connect({ host, port, ...endpoint.options }, () => resolve(socket))
        : net.connect({ host, port, noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

export class RawClient {
  readonly version: ProtocolVersion;
  /** The CONNACK that `connect` saw. */
  connack: ConnackPacket | undefined;
  readonly #stream: Duplex;
  #reader: PacketReader;
  /** All that came and that `nextRaw` has not cut off. */
  #bytes = Buffer.alloc(0);
  readonly #inbox: Packet[] = [];
  #closed = false;
  #fault: string | undefined;
  #wake: (() => void) | undefined;
  #lastPacketId = 0;

  constructor(stream: Duplex, version: ProtocolVersion) {
    this.version = version;
    this.#stream = stream;
    this.#reader = new PacketReader(version);
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', () => this.#end());
    stream.on('end', () => this.#end());
    stream.on('close', () => this.#end());
  }

  static async open(endpoint: Endpoint, version: ProtocolVersion): Promise<RawClient> {
    return new RawClient(await openStream(endpoint), version);
  }

  #receive(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.#fault === undefined) {
      const outcome = this.#reader.push(chunk, (packet) => this.#inbox.push(packet));
      if (outcome !== undefined) this.#fault = outcome;
    }
    this.#wake?.();
  }

  #end(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Waits until `look` finds something; `wanted` says what for. */
  async #until<T>(wanted: string, look: () => T | undefined): Promise<T> {
    using patience = new Patience(DEADLINE_MS);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#fault !== undefined) {
        assert.fail(`expected ${wanted}, got a malformed packet: ${this.#fault}: ${this.#bytes.toString('hex')}`);
      }
      if (this.#closed) assert.fail(`expected ${wanted}, got the end of the connection`);
      if (patience.isOver) assert.fail(`expected ${wanted}, got ${this.#inbox.map(show).join(', ') || 'nothing'}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_AGAIN_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The size of the largest packet that came, in bytes. */
  get packetSizeMaxBytes(): number {
    return this.#reader.sizeMaxBytes;
  }

  encode(packet: Packet): Uint8Array {
    return encode(packet, this.version);
  }

  /** In one write. */
  send(...packets: Packet[]): void {
    this.sendRaw(Buffer.concat(packets.map((packet) => this.encode(packet))));
  }

  /** Bytes, or hexadecimal text in which spaces are free. */
  sendRaw(bytes: string | Uint8Array): void {
    this.#stream.write(typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(/\s/g, ''), 'hex') : bytes);
  }

  /** A packet identifier that this client has not used yet. */
  nextPacketId(): number {
    this.#lastPacketId += 1;
    return this.#lastPacketId;
  }

  /** The next packet, or `closed`. */
  next(wanted = 'a packet'): Promise<Packet | 'closed'> {
    return this.#until(wanted, () => {
      const packet = this.#inbox.shift();
      if (packet !== undefined) return packet;
      return this.#closed && this.#fault === undefined ? 'closed' : undefined;
    });
  }

  /**
   * The first packet as bytes, in whatever version it is; empty if the connection ends instead. Only for a connection of which
   * nothing was read before.
   */
  async nextRaw(): Promise<Buffer> {
    const packet = await this.#until('a packet', () => {
      const size = frameSize(this.#bytes);
      if (size > 0 && this.#bytes.length >= size) return this.#bytes.subarray(0, size);
      return this.#closed ? Buffer.alloc(0) : undefined;
    });
    this.#bytes = this.#bytes.subarray(packet.length);
    this.#inbox.shift();
    this.#fault = undefined;
    this.#reader = new PacketReader(this.version);
    return packet;
  }

  /** The next packet, which must be like this. */
  async expect<T extends PacketType>(type: T, like: Like<PacketOf<T>> = {}): Promise<PacketOf<T>> {
    const wanted = `${NAMES[type]} ${JSON.stringify(like)}`;
    const packet = await this.next(wanted);
    if (packet === 'closed' || packet.type !== type || !isLike(packet, like)) {
      assert.fail(`expected ${wanted}, got ${show(packet)}`);
    }
    return packet as PacketOf<T>;
  }

  /** The first packet of this type, whatever else comes before it and stays to be read. */
  take<T extends PacketType>(type: T, like: Like<PacketOf<T>> = {}): Promise<PacketOf<T>> {
    return this.#until(`${NAMES[type]} ${JSON.stringify(like)}`, () => {
      const at = this.#inbox.findIndex((packet) => packet.type === type && isLike(packet, like));
      return at < 0 ? undefined : (this.#inbox.splice(at, 1)[0] as PacketOf<T>);
    });
  }

  /** The connection ends, and no packet comes before that. */
  async expectClosed(): Promise<void> {
    const packet = await this.next('the end of the connection');
    if (packet !== 'closed') assert.fail(`expected the end of the connection, got ${show(packet)}`);
  }

  /** A DISCONNECT with this reason code (or one of these), then the end. */
  async expectDisconnect(...reasons: number[]): Promise<PacketOf<typeof PacketType.Disconnect>> {
    const packet = await this.expect(PacketType.Disconnect);
    assert.ok(reasons.includes(packet.reasonCode), `expected DISCONNECT ${reasons}, got ${show(packet)}`);
    await this.expectClosed();
    return packet;
  }

  /**
   * For so long nothing comes; and still nothing when the server has answered a PINGREQ, before which it must have sent
   * whatever it had.
   */
  async expectNothing(ms = 0): Promise<void> {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    this.send({ type: PacketType.Pingreq });
    await this.expect(PacketType.Pingresp);
  }

  /** The server has handled all that was sent before. */
  async settled(): Promise<void> {
    this.send({ type: PacketType.Pingreq });
    await this.take(PacketType.Pingresp);
  }

  /** CONNECT, which must be accepted. */
  async connect(init: ConnectInit = {}): Promise<ConnackPacket> {
    this.send(connect(this.version, init));
    this.connack = await this.expect(PacketType.Connack, { reasonCode: 0 });
    return this.connack;
  }

  /** SUBSCRIBE to one filter; the SUBACK's only code. */
  async subscribe(filter: string, qos: QoS = 0, init: SubscribeInit = {}): Promise<number> {
    const { properties, packetId = this.nextPacketId(), ...options } = init;
    this.send(subscribe(packetId, [{ filter, qos, ...options }], properties));
    const suback: SubackPacket = await this.take(PacketType.Suback, { packetId });
    assert.equal(suback.reasonCodes.length, 1, show(suback));
    return suback.reasonCodes[0]!;
  }

  async unsubscribe(...filters: string[]): Promise<UnsubackPacket> {
    const packetId = this.nextPacketId();
    this.send(unsubscribe(packetId, filters));
    return await this.take(PacketType.Unsuback, { packetId });
  }

  /** PUBLISH, and its whole handshake, which must succeed; with QoS 0, a PINGREQ tells that it was handled. */
  async publish(topic: string, payload: Payload = '', init: PublishInit = {}): Promise<void> {
    const qos = init.qos ?? 0;
    const packetId = qos === 0 ? 0 : (init.packetId ?? this.nextPacketId());
    this.send(publish(topic, payload, { ...init, packetId }));
    if (qos === 0) return this.settled();
    if (qos === 1) return this.#accepted(PacketType.Puback, packetId);
    await this.#accepted(PacketType.Pubrec, packetId);
    this.send(ack(PacketType.Pubrel, packetId));
    await this.#accepted(PacketType.Pubcomp, packetId);
  }

  async #accepted(type: AckType, packetId: number): Promise<void> {
    const packet = await this.take(type, { packetId });
    assert.ok(packet.reasonCode < 0x80, `expected success, got ${show(packet)}`);
  }

  /** The next packet is this delivery; it is acknowledged in full. */
  async receive(topic: string, payload: Payload, like: Like<PublishPacket> = {}): Promise<PublishPacket> {
    const packet = await this.expect(PacketType.Publish, { topic, payload, ...like });
    await this.acknowledge(packet);
    return packet;
  }

  /** Completes the handshake of a delivery. */
  async acknowledge({ qos, packetId }: PublishPacket): Promise<void> {
    if (qos === 1) this.send(ack(PacketType.Puback, packetId));
    if (qos === 2) {
      this.send(ack(PacketType.Pubrec, packetId));
      await this.take(PacketType.Pubrel, { packetId });
      this.send(ack(PacketType.Pubcomp, packetId));
    }
  }

  /** DISCONNECT, then the server closes or we do. */
  async disconnect(reasonCode = 0, properties: Properties = {}): Promise<void> {
    this.send(disconnect(reasonCode, properties));
    this.#stream.end();
    await this.expectGone();
  }

  /** Takes nothing more from the network, until it is dropped. */
  stopReading(): void {
    this.#stream.pause();
  }

  /** The network fails: no DISCONNECT. */
  drop(): void {
    this.#stream.destroy();
  }

  /** The connection ends, whatever comes before that. */
  async expectGone(): Promise<void> {
    await this.#until('the end of the connection', () => (this.#closed ? true : undefined));
  }
}
