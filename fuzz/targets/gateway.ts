/**
 * Whole conversations with the pipeline and the embedded broker behind it: hostile clients come and go, and a witness who
 * behaves must not feel it.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ManualClock } from '../../src/base/manual-clock.ts';
import { type Broker, createBroker } from '../../src/broker/broker.ts';
import { MemoryStore } from '../../src/broker/store-memory.ts';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { settled } from '../../test/kit/settled.ts';
import { mutate } from '../mutate.ts';
import { packetOf, randomPacket } from '../packets.ts';
import { fuzzPolicy, HostilePeer } from '../peer.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

const CLIENTS_MAX = 6;
/** Packets that do not by themselves end a conversation. */
const SURVIVABLE = [3, 3, 3, 3, 4, 5, 6, 7, 8, 8, 10, 12] as const;
const ACL =
  'user witness\ntopic readwrite witness/#\nuser fuzz\ntopic readwrite a/#\ntopic read #\ntopic deny witness/#\n';

export class GatewayTarget implements Target {
  readonly name = 'gateway';
  readonly #clock = new ManualClock();
  readonly #policy = fuzzPolicy(ACL);
  readonly #peers: HostilePeer[] = [];
  #broker: Broker | undefined;
  #witness: HostilePeer | undefined;
  #made = 0;

  async round(random: Random): Promise<number> {
    const broker = await this.#ready();
    let packets = 0;
    if (this.#peers.length < CLIENTS_MAX) {
      const version = random.pick([3, 4, 5] as const);
      const peer = this.#peer(`c${this.#made++}`, version, broker);
      this.#peers.push(peer);
      if (!random.oneIn(10))
        peer.connection.onBytes(encodePacket(packetOf(random, PacketType.Connect, version), version));
      packets++;
      await settled();
    }
    for (let count = 1 + random.below(12); count > 0; count--) {
      const peer = random.pick(this.#peers);
      peer.connection.onBytes(this.#hostileBytes(random, peer.version));
      peer.read();
      packets++;
    }
    if (random.oneIn(8)) this.#clock.advance(random.below(20_000));
    await settled();
    for (const peer of [...this.#peers]) {
      peer.read();
      if (!peer.sink.ended && !random.oneIn(20)) continue;
      peer.connection.onClosed({ by: peer.sink.ended ? 'us' : 'peer', says: '', bytesIn: 0, bytesOut: 0 });
      this.#peers.splice(this.#peers.indexOf(peer), 1);
    }
    if (random.oneIn(50)) await this.#askWitness();
    return packets;
  }

  /** Mostly what a connection survives, so that conversations get long; then something that it may not. */
  #hostileBytes(random: Random, version: ProtocolVersion): Buffer {
    if (random.oneIn(12)) {
      const bytes = encodePacket(randomPacket(random, version, 'client'), version);
      return random.oneIn(3) ? bytes : mutate(random, bytes, random.bytes(8));
    }
    for (;;) {
      const packet = packetOf(random, random.pick(SURVIVABLE), version);
      const bytes = encodePacket(packet, version);
      const deframer = new Deframer({ sender: 'client', version });
      deframer.push(bytes);
      if (deframer.next() !== FrameStatus.Frame) continue;
      if (!isFault(decodePacket(deframer, version, 'client', this.#policy.decodeRules))) return bytes;
    }
  }

  async #ready(): Promise<Broker> {
    if (this.#broker !== undefined) return this.#broker;
    this.#broker = await createBroker({
      store: new MemoryStore(),
      clock: this.#clock,
      chance: { bytes: (length) => Buffer.alloc(length, this.#made & 0xff), below: () => 0 },
      emit: () => {},
      sessionsMax: 50,
      queuedMessagesMax: 20,
      retainedMessagesMax: 20,
    });
    return this.#broker;
  }

  #peer(id: string, version: ProtocolVersion, broker: Broker): HostilePeer {
    return new HostilePeer(id, version, this.#policy, this.#clock, (receiver) => broker.open(receiver));
  }

  /** A client among the hostile ones: what it publishes to itself must come back. */
  async #askWitness(): Promise<void> {
    const witness = this.#peer('witness', 4, this.#broker!);
    this.#witness = witness;
    const say = (packet: Parameters<typeof encodePacket>[0]): void =>
      witness.connection.onBytes(encodePacket(packet, 4));
    say({
      type: PacketType.Connect,
      protocolVersion: 4,
      bridge: false,
      cleanStart: true,
      keepAliveS: 30,
      clientId: 'witness',
      username: 'witness',
      password: Buffer.from('x'),
      properties: {},
    });
    await settled();
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    say({
      type: PacketType.Subscribe,
      packetId: 1,
      subscriptions: [{ filter: 'witness/#', ...options }],
      properties: {},
    });
    const payload = Buffer.from('well');
    say({
      type: PacketType.Publish,
      dup: false,
      qos: 0,
      retain: false,
      topic: 'witness/1',
      packetId: 0,
      payload,
      properties: {},
    });
    await settled();
    witness.read();
    assert.deepEqual(witness.topics, ['witness/1'], 'a client that behaves is served while others do not');
    say({ type: PacketType.Disconnect, reasonCode: 0, properties: {} });
    witness.connection.onClosed({ by: 'us', says: '', bytesIn: 0, bytesOut: 0 });
  }

  async finish(): Promise<void> {
    for (const peer of this.#peers) peer.connection.onClosed({ by: 'peer', says: '', bytesIn: 0, bytesOut: 0 });
    this.#peers.length = 0;
    await this.#askWitness();
    const stats = this.#broker!.stats();
    assert.equal(stats.connected, 0, 'no client is left connected');
    assert(stats.sessions <= 50 && stats.retainedMessages <= 20, 'the ceilings have held');
    await this.#broker!.close();
    this.#broker = undefined;
    assert(this.#witness !== undefined);
  }
}
