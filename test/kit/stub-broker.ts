/** A broker that does what a test tells it to, and nothing else: for links to brokers that lie, stall and flood. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import type { ConnackPacket, Packet } from '../../src/mqtt/packet.ts';
import type { Properties } from '../../src/mqtt/properties.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';

export function connack(reasonCode = 0, properties: Properties = {}, sessionPresent = false): ConnackPacket {
  return { type: PacketType.Connack, sessionPresent, reasonCode, properties };
}

/** One client of the stub: what it sent, and a way to answer. */
export class StubConnection {
  readonly socket: Socket;
  readonly packets: Packet[] = [];
  /** Every byte that came. */
  received = Buffer.alloc(0);
  version: ProtocolVersion = 4;
  hasEnded = false;
  readonly #deframer = new Deframer({ sender: 'client' });

  constructor(socket: Socket, onPacket: (packet: Packet, connection: StubConnection) => void) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('end', () => {
      this.hasEnded = true;
    });
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#deframer.push(chunk);
      while (this.#deframer.next() === FrameStatus.Frame) {
        const packet = decodePacket(this.#deframer, this.version, 'client');
        if (isFault(packet)) throw new Error(`the gateway sent what breaks the protocol: ${packet.says}`);
        if (packet.type === PacketType.Connect) {
          this.version = packet.protocolVersion;
          this.#deframer.version = packet.protocolVersion;
        }
        this.packets.push(packet);
        onPacket(packet, this);
      }
      if (this.#deframer.fault !== undefined)
        throw new Error(`the gateway sent what is none: ${this.#deframer.fault.says}`);
    });
  }

  send(...packets: (Packet | Uint8Array)[]): void {
    for (const packet of packets) {
      this.socket.write(packet instanceof Uint8Array ? packet : encodePacket(packet, this.version));
    }
  }
}

export class StubBroker {
  readonly connections: StubConnection[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `onPacket` answers; without it CONNECT is accepted and PINGREQ answered. */
  static async listen(onPacket: (packet: Packet, connection: StubConnection) => void = polite): Promise<StubBroker> {
    const server = createServer({ noDelay: true });
    const broker = new StubBroker(server);
    server.on('connection', (socket) => broker.connections.push(new StubConnection(socket, onPacket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export function polite(packet: Packet, connection: StubConnection): void {
  if (packet.type === PacketType.Connect) connection.send(connack());
  if (packet.type === PacketType.Pingreq) connection.send({ type: PacketType.Pingresp });
}
