/** Stands between the gateway and a broker, changes nothing, and can tell afterwards what each said to the other. */
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import type { Packet } from '../../src/mqtt/packet.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../../src/mqtt/wire.ts';
import { freePort, HOST } from './process.ts';

/** By client identifier: payloads, which are taken for unique. */
export type Payloads = ReadonlyMap<string, ReadonlySet<string>>;

export class Testimony {
  readonly #acknowledged = new Map<string, Set<string>>();
  readonly #delivered = new Map<string, Set<string>>();
  readonly #said: Buffer[][] = [];

  /** What the broker acknowledged (PUBACK, PUBREC) to whom. */
  get acknowledged(): Payloads {
    return this.#acknowledged;
  }

  /** What it sent to whom; of QoS 2 what it also released. */
  get delivered(): Payloads {
    return this.#delivered;
  }

  /** Every byte that came for the broker, connection by connection. */
  get saidToBroker(): readonly Buffer[] {
    return this.#said.map((chunks) => Buffer.concat(chunks));
  }

  /** Listens, and hands every connection on to the port; resolves with its own. */
  async stand(before: number): Promise<{ port: number; stop: () => Promise<void> }> {
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true }, (client) => {
      const broker = dial({ port: before, host: HOST, noDelay: true });
      for (const [socket, other] of [
        [client, broker],
        [broker, client],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroySoon();
        });
      }
      this.#listen(client, broker);
    });
    const port = await freePort();
    server.listen(port, HOST);
    await once(server, 'listening');
    const stop = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    };
    return { port, stop };
  }

  #listen(client: Socket, broker: Socket): void {
    let clientId = '';
    let version: ProtocolVersion = 4;
    /** Payloads by packet identifier. */
    const published = new Map<number, string>();
    const unreleased = new Map<number, string>();
    const fromClient = reader('client', (packet) => {
      if (packet.type === PacketType.Connect) {
        clientId = packet.clientId;
        version = packet.protocolVersion;
      }
      if (packet.type === PacketType.Publish) published.set(packet.packetId, textOf(packet.payload));
      return version;
    });
    const fromBroker = reader('server', (packet) => {
      if (packet.type === PacketType.Publish) {
        if (packet.qos === 2) unreleased.set(packet.packetId, textOf(packet.payload));
        else note(this.#delivered, clientId, textOf(packet.payload));
      }
      if (packet.type === PacketType.Pubrel && unreleased.has(packet.packetId)) {
        note(this.#delivered, clientId, unreleased.get(packet.packetId)!);
      }
      if (packet.type === PacketType.Puback || packet.type === PacketType.Pubrec) {
        const payload = published.get(packet.packetId);
        if (payload !== undefined && packet.reasonCode < 0x80) note(this.#acknowledged, clientId, payload);
      }
      return version;
    });
    const said: Buffer[] = [];
    this.#said.push(said);
    client.on('data', (chunk: Buffer) => {
      said.push(chunk);
      fromClient(chunk, version);
      broker.write(chunk);
    });
    broker.on('data', (chunk: Buffer) => {
      fromBroker(chunk, version);
      client.write(chunk);
    });
  }
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload).toString();
}

function note(payloads: Map<string, Set<string>>, clientId: string, payload: string): void {
  const known = payloads.get(clientId) ?? new Set();
  payloads.set(clientId, known.add(payload));
}

/** `take` answers with the version of what follows. */
function reader(sender: Sender, take: (packet: Packet) => ProtocolVersion) {
  let deframer: Deframer | undefined;
  return (chunk: Buffer, version: ProtocolVersion): void => {
    deframer ??= new Deframer(sender === 'client' ? { sender } : { sender, version });
    deframer.push(chunk);
    while (deframer.next() === FrameStatus.Frame) {
      const packet = decodePacket(deframer, version, sender);
      if (!isFault(packet)) deframer.version = take(packet);
    }
  };
}
