/**
 * Whole conversations with the pipeline and the embedded broker behind it: hostile clients come and go, and a witness who
 * behaves must not feel it.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ByteBatch } from '../../src/base/byte-batch.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import { type Broker, createBroker } from '../../src/broker/broker.ts';
import { MemoryStore } from '../../src/broker/store-memory.ts';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { Connection } from '../../src/pipeline/connection.ts';
import type { Downstream, DownstreamFacts } from '../../src/pipeline/downstream.ts';
import type { ConnectionPolicy } from '../../src/pipeline/policy.ts';
import { parseAclFile } from '../../src/policy/authorization/acl-file.ts';
import { buildAuthorizer } from '../../src/policy/authorization/authorizer.ts';
import { mutate } from '../mutate.ts';
import { packetOf, randomPacket } from '../packets.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

const CLIENTS_MAX = 6;
/** Packets that do not by themselves end a conversation. */
const SURVIVABLE = [3, 3, 3, 3, 4, 5, 6, 7, 8, 8, 10, 12] as const;
const ACL =
  'user witness\ntopic readwrite witness/#\nuser fuzz\ntopic readwrite a/#\ntopic read #\ntopic deny witness/#\n';

/** A socket that forgets what it is told, after checking that it is MQTT. */
class Sink implements Downstream {
  readonly facts: DownstreamFacts;
  readonly batch = new ByteBatch();
  ended = false;
  constructor(connectionId: string) {
    this.facts = { connectionId, listener: 'fuzz', address: '192.0.2.1', port: 1, secure: false };
  }
  touch(): void {}
  bufferedBytes(): number {
    return 0;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.ended = true;
  }
}

class Peer {
  readonly sink: Sink;
  readonly connection: Connection;
  readonly version: ProtocolVersion;
  readonly #deframer: Deframer;
  topics: string[] = [];

  constructor(id: string, version: ProtocolVersion, make: (sink: Sink) => Connection) {
    this.version = version;
    this.sink = new Sink(id);
    this.connection = make(this.sink);
    this.#deframer = new Deframer({ sender: 'server', version });
  }

  /** INVARIANT: whatever the client said, what it is told is legal in its own version. */
  read(): void {
    const { version } = this.connection.client;
    this.#deframer.version = version;
    if (this.sink.batch.length > 0) this.#deframer.push(this.sink.batch.take());
    while (this.#deframer.next() === FrameStatus.Frame) {
      const packet = decodePacket(this.#deframer, version, 'server');
      assert(!isFault(packet), `the gateway sent a legal packet: ${isFault(packet) ? packet.code : ''}`);
      if (packet.type === PacketType.Publish) this.topics.push(packet.topic);
    }
    assert.equal(this.#deframer.fault, undefined, 'the gateway sent a legal stream');
  }
}

export class GatewayTarget implements Target {
  readonly name = 'gateway';
  readonly #clock = new ManualClock();
  readonly #policy: ConnectionPolicy;
  readonly #peers: Peer[] = [];
  #broker: Broker | undefined;
  #witness: Peer | undefined;
  #made = 0;

  constructor() {
    this.#policy = {
      generation: 1,
      protocolVersions: [3, 4, 5],
      limits: {
        connectTimeoutMs: 10_000,
        keepAliveMaxS: 60,
        packetSizeMaxBytes: 4096,
        topicLengthMaxBytes: 256,
        topicDepthMax: 8,
        filtersPerSubscribeMax: 8,
        subscriptionsPerClientMax: 16,
        inflightMax: 8,
        topicAliasMax: 4,
        clientIdLengthMaxBytes: 64,
        outputBufferMaxBytes: 65_536,
        slowReaderTimeoutMs: 5000,
      },
      authenticator: {
        authenticate: async ({ username, clientId }) => ({
          ok: true,
          identity: { username, clientId, method: 'password-file', credential: 'x' },
        }),
        begin: () => undefined,
        stillValid: () => true,
        isSecret: () => false,
      },
      authorizer: buildAuthorizer(parseAclFile(ACL, 'fuzz.acl'), { subscribe: 'overlapping' }),
      anonymousAllowed: true,
      certificateIdentity: undefined,
      deniedPublish: 'acknowledge',
      decodeRules: { rejectControlCharacters: true, strictClientIdLength: false, userPropertiesMax: 8 },
    };
  }

  async round(random: Random): Promise<number> {
    const broker = await this.#ready();
    let packets = 0;
    if (this.#peers.length < CLIENTS_MAX) {
      const version = random.pick([3, 4, 5] as const);
      const peer = new Peer(`c${this.#made++}`, version, (sink) => this.#connect(sink, broker));
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

  #connect(sink: Sink, broker: Broker): Connection {
    return new Connection(sink, this.#policy, {
      clock: this.#clock,
      chance: { bytes: (length) => Buffer.alloc(length, this.#made & 0xff), below: () => 0 },
      emit: () => {},
      openLink: broker.open,
      onGone: () => {},
    });
  }

  /** A client among the hostile ones: what it publishes to itself must come back. */
  async #askWitness(): Promise<void> {
    const witness = new Peer('witness', 4, (sink) => this.#connect(sink, this.#broker!));
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

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
