/** Clients whose every received byte is kept, step by step, so that two runs of one script can be compared. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import type { ConnackPacket, Packet, PublishPacket } from '../../src/mqtt/packet.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { ack, type ConnectInit, connect, disconnect } from './packets.ts';
import { Patience } from './patience.ts';
import { HOST } from './process.ts';

const DEADLINE_MS = 30_000;
const PINGREQ = { type: PacketType.Pingreq } as const;

/** What a gateway says in the broker's place, and nothing else of a CONNACK. */
function withoutEnforced(packet: ConnackPacket): ConnackPacket {
  const {
    receiveMaximum: _receive,
    maximumPacketSizeBytes: _size,
    topicAliasMaximum: _aliases,
    serverKeepAliveS: _keepAlive,
    assignedClientIdentifier: assigned,
    ...properties
  } = packet.properties;
  return {
    ...packet,
    properties: assigned === undefined ? properties : { ...properties, assignedClientIdentifier: 'assigned' },
  };
}

export class RecordedClient {
  readonly name: string;
  readonly version: ProtocolVersion;
  /** Packets as hexadecimal text, and `end` when the connection has ended. */
  readonly seen: string[] = [];
  readonly packets: Packet[] = [];
  /** Deliveries are acknowledged as they come. */
  acknowledges = true;
  ended = false;
  readonly #socket: Socket;
  readonly #deframer: Deframer;
  #pongs = 0;
  #wake: (() => void) | undefined;

  private constructor(name: string, version: ProtocolVersion, socket: Socket) {
    this.name = name;
    this.version = version;
    this.#socket = socket;
    this.#deframer = new Deframer({ sender: 'server', version });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
    socket.on('end', () => this.#end());
  }

  static async open(name: string, version: ProtocolVersion, port: number): Promise<RecordedClient> {
    const socket = connectTcp({ host: HOST, port, noDelay: true });
    await once(socket, 'connect');
    return new RecordedClient(name, version, socket);
  }

  #receive(chunk: Buffer): void {
    this.#deframer.push(chunk);
    while (this.#deframer.next() === FrameStatus.Frame) {
      const { bytes, start, end } = this.#deframer;
      const packet = decodePacket(this.#deframer, this.version, 'server');
      if (isFault(packet)) throw new Error(`${this.name} was sent what breaks the protocol: ${packet.says}`);
      this.#take(packet, Buffer.from(bytes.subarray(start, end)));
    }
    if (this.#deframer.fault !== undefined)
      throw new Error(`${this.name} was sent garbage: ${this.#deframer.fault.says}`);
    this.#wake?.();
  }

  #take(packet: Packet, bytes: Buffer): void {
    if (packet.type === PacketType.Pingresp) {
      this.#pongs++;
      return;
    }
    this.packets.push(packet);
    const isConnack = packet.type === PacketType.Connack && this.version === 5;
    this.seen.push((isConnack ? encodePacket(withoutEnforced(packet), 5) : bytes).toString('hex'));
    if (!this.acknowledges) return;
    if (packet.type === PacketType.Publish) this.acknowledge(packet);
    else if (packet.type === PacketType.Pubrec && packet.reasonCode < 0x80)
      this.write(ack(PacketType.Pubrel, packet.packetId));
    else if (packet.type === PacketType.Pubrel) this.write(ack(PacketType.Pubcomp, packet.packetId));
  }

  acknowledge({ qos, packetId }: PublishPacket): void {
    if (qos > 0) this.write(ack(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetId));
  }

  #end(): void {
    if (!this.ended) this.seen.push('end');
    this.ended = true;
    this.#wake?.();
  }

  write(...packets: (Packet | Uint8Array)[]): void {
    for (const packet of packets) {
      this.#socket.write(packet instanceof Uint8Array ? packet : encodePacket(packet, this.version));
    }
  }

  /** The server has handled all that came before, and what it had for this client is here; or it has ended the connection. */
  async settle(): Promise<void> {
    if (this.ended) return;
    const wanted = this.#pongs + 1;
    this.write(PINGREQ);
    await this.until(() => this.#pongs >= wanted || this.ended, 'PINGRESP');
  }

  async until(isSo: () => boolean, what: string): Promise<void> {
    using patience = new Patience(DEADLINE_MS);
    while (!isSo()) {
      if (patience.isOver) throw new Error(`${this.name} waits in vain for ${what}; it saw ${this.seen.join(' ')}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The network fails. */
  drop(): void {
    this.ended = true;
    this.#socket.destroy();
  }

  /** And waits for the other side's end, which comes when it has handled all that was sent. */
  async leave(): Promise<void> {
    this.ended = true;
    // A reset is an end like any other; `once` would take it for a failure.
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.end();
    if (!this.#socket.closed) await closed;
  }
}

/** One run of a script against one endpoint. */
export class Stage {
  readonly #port: number;
  readonly #clients: RecordedClient[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** Opens a connection and sends CONNECT; waits for its CONNACK, or its end. */
  async connect(name: string, version: ProtocolVersion, init: ConnectInit = {}): Promise<RecordedClient> {
    const client = await this.open(name, version);
    client.write(connect(version, { clientId: name, ...init }));
    await client.until(() => client.seen.length > 0, 'CONNACK');
    await this.settle();
    return client;
  }

  async open(name: string, version: ProtocolVersion): Promise<RecordedClient> {
    const client = await RecordedClient.open(name, version, this.#port);
    this.#clients.push(client);
    return client;
  }

  /** Everything that was sent has had all its effects. Twice, for effects of effects: a handshake's second half. */
  async settle(actor?: RecordedClient): Promise<void> {
    await actor?.settle();
    for (let round = 0; round < 2; round++) {
      for (const client of this.#clients) if (client.seen.length > 0) await client.settle();
    }
  }

  async send(client: RecordedClient, ...packets: (Packet | Uint8Array)[]): Promise<void> {
    client.write(...packets);
    await this.settle(client);
  }

  async disconnect(client: RecordedClient, reasonCode = 0): Promise<void> {
    client.write(disconnect(reasonCode));
    await client.leave();
    // A broker behind hears of it a little later; another connection's answer comes after that.
    await new Promise((resolve) => setTimeout(resolve, 30));
    await this.settle();
  }

  async drop(client: RecordedClient): Promise<void> {
    client.drop();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await this.settle();
  }

  /** What each client saw, in order. */
  transcript(): string[][] {
    return this.#clients.map(({ name, seen }) => [name, ...seen]);
  }

  close(): void {
    for (const client of this.#clients) client.drop();
  }
}
