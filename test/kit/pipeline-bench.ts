/** Stand-ins for the two neighbours of a connection, for tests: a socket that records, and a server that answers as told. */

import { ByteBatch } from '../../src/base/byte-batch.ts';
import type { GatewayEvent } from '../../src/base/events.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import { TurnShare } from '../../src/base/turn-share.ts';
import { decodePacket } from '../../src/mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../src/mqtt/deframer.ts';
import { encodePacket } from '../../src/mqtt/encode.ts';
import { isFault } from '../../src/mqtt/fault.ts';
import type { ClientFacts, DownstreamReceiver, UpstreamLink } from '../../src/mqtt/link.ts';
import type { AckType, ConnackPacket, ConnectPacket, Packet, PublishPacket } from '../../src/mqtt/packet.ts';
import { scanPublish } from '../../src/mqtt/packets/publish.ts';
import { NO_PROPERTIES } from '../../src/mqtt/properties.ts';
import { PublishView } from '../../src/mqtt/publish-view.ts';
import { topicMatchesFilter } from '../../src/mqtt/topic.ts';
import { PacketType, type ProtocolVersion } from '../../src/mqtt/wire.ts';
import { Connection } from '../../src/pipeline/connection.ts';
import type { Downstream, DownstreamFacts } from '../../src/pipeline/downstream.ts';
import type { ConnectionPolicy } from '../../src/pipeline/policy.ts';
import type { ClientAuthorization } from '../../src/policy/authorization/decision.ts';
import { VirtualPatches } from '../../src/policy/detection/virtual-patches.ts';
import { ANY_CLIENT_ID } from '../../src/policy/identity/client-id-rules.ts';
import type { AuthenticationResult, Credentials } from '../../src/policy/identity/identity.ts';
import { LimitsInForce } from '../../src/policy/limits/limits-in-force.ts';
import { settled } from './settled.ts';

export class RecordingDownstream implements Downstream {
  readonly facts: DownstreamFacts;
  readonly batch = new ByteBatch();
  paused = false;
  /** As was told last. */
  keptBytes = 0;
  ended = false;
  destroyed = false;
  /** What the pretended kernel has not taken. */
  waitingBytes = 0;
  touch(): void {}
  bufferedBytes(): number {
    return this.waitingBytes;
  }
  /** What it has. */
  taken = 0;
  takenBytes(): number {
    return this.taken;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  isEstablished = false;

  constructor(address = '192.0.2.7') {
    this.facts = { connectionId: 'c1', listener: 'test', address, port: 40_000, secure: true };
  }

  keeps(bytes: number): void {
    this.keptBytes = bytes;
  }

  established(): void {
    this.isEstablished = true;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }

  /** What was written since the last look, as packets. */
  packets(version: ProtocolVersion): Packet[] {
    const deframer = new Deframer({ sender: 'server', packetSizeMaxBytes: 1_000_000 });
    deframer.version = version;
    deframer.push(this.batch.take());
    const packets: Packet[] = [];
    while (deframer.next() === FrameStatus.Frame) {
      const packet = decodePacket(deframer, version, 'server');
      if (isFault(packet)) throw new Error(packet.says);
      packets.push(packet);
    }
    return packets;
  }
}

/** Records what reaches the server. Answers a CONNECT at once with `connackAnswer`, unless that is undefined. */
export class RecordingLink implements UpstreamLink {
  readonly calls: unknown[][] = [];
  connackAnswer: ConnackPacket | undefined = {
    type: PacketType.Connack,
    sessionPresent: false,
    reasonCode: 0,
    properties: NO_PROPERTIES,
  };
  takesMore = true;
  receiver!: DownstreamReceiver;

  connect(packet: ConnectPacket): void {
    this.calls.push(['connect', packet]);
    if (this.connackAnswer !== undefined) this.receiver.connack(this.connackAnswer);
  }
  publish(packet: PublishView): boolean {
    this.calls.push([
      'publish',
      packet.topic,
      packet.qos,
      Buffer.from(packet.bytes.subarray(packet.payloadStart, packet.end)).toString(),
    ]);
    return this.takesMore;
  }
  acknowledge(type: AckType, packetId: number, reasonCode: number): void {
    this.calls.push(['acknowledge', type, packetId, reasonCode]);
  }
  subscribe(packet: Parameters<UpstreamLink['subscribe']>[0]): void {
    this.calls.push(['subscribe', packet.packetId, packet.subscriptions.map((subscription) => subscription.filter)]);
  }
  unsubscribe(packet: Parameters<UpstreamLink['unsubscribe']>[0]): void {
    this.calls.push(['unsubscribe', packet.packetId, packet.filters]);
  }
  ping(): void {
    this.calls.push(['ping']);
    this.receiver.pong();
  }
  authenticate(): void {
    this.calls.push(['authenticate']);
  }
  renewed({ willAuthor }: ClientFacts): void {
    this.calls.push(['renewed', willAuthor]);
  }
  close(disconnect: Parameters<UpstreamLink['close']>[0]): void {
    this.calls.push(['close', disconnect?.reasonCode]);
  }
  resume(): void {
    this.calls.push(['resume']);
  }

  named(name: string): unknown[][] {
    return this.calls.filter((call) => call[0] === name);
  }

  /** Delivers a PUBLISH to the client, encoded as a server would. */
  deliver(packet: Partial<PublishPacket> & { topic: string }, version: ProtocolVersion, topic = packet.topic): boolean {
    const whole: PublishPacket = {
      type: PacketType.Publish,
      dup: false,
      qos: 0,
      retain: false,
      packetId: 0,
      payload: Buffer.from('x'),
      properties: NO_PROPERTIES,
      ...packet,
    };
    const deframer = new Deframer({ sender: 'server', packetSizeMaxBytes: 1_000_000 });
    deframer.version = version;
    deframer.push(encodePacket(whole, version));
    deframer.next();
    const view = new PublishView();
    const fault = scanPublish(view, deframer, version, 'server');
    if (fault !== undefined) throw new Error(fault.says);
    view.topic = topic;
    return this.receiver.publish(view);
  }
}

/** Everything that a filter of `filters` covers is allowed. */
export function allow(...filters: string[]): ClientAuthorization {
  const decide = (topic: string) => {
    const at = filters.findIndex((filter) => filter === topic || topicMatchesFilter(topic, filter));
    return { allowed: at >= 0, by: at >= 0 ? `acl:test:${at + 1}` : 'acl:default' };
  };
  return { publish: decide, receive: decide, subscribe: decide };
}

export function testPolicy(changes: Partial<ConnectionPolicy> = {}): ConnectionPolicy {
  return {
    generation: 1,
    protocolVersions: [3, 4, 5],
    limits: {
      connectTimeoutMs: 10_000,
      keepAliveMaxS: 1200,
      connectSizeMaxBytes: 65_536,
      packetSizeMaxBytes: 65_536,
      topicLengthMaxBytes: 64,
      topicDepthMax: 4,
      filtersPerSubscribeMax: 4,
      subscriptionsPerClientMax: 3,
      inflightMax: 4,
      topicAliasMax: 2,
      clientIdLengthMaxBytes: 32,
      usernameLengthMaxBytes: 64,
      willSizeMaxBytes: 65_535,
      retainedMessagesMax: Number.POSITIVE_INFINITY,
      retainedBytesMax: Number.POSITIVE_INFINITY,
      outputBufferMaxBytes: 1000,
      slowReaderTimeoutMs: 5000,
      receiveRateMinBytesPerS: 100,
      pingOnlyMaxMs: Number.POSITIVE_INFINITY,
    },
    authenticator: {
      authenticate: (credentials: Credentials): Promise<AuthenticationResult> =>
        Promise.resolve(
          Buffer.from(credentials.password ?? '').toString() === 'right'
            ? {
                ok: true,
                identity: {
                  username: credentials.username,
                  clientId: credentials.clientId,
                  method: 'password-file',
                  credential: 'mark',
                },
              }
            : { ok: false, reason: 0x86, by: 'password-file:test', says: 'wrong password', method: 'password-file' },
        ),
      begin: () => undefined,
      stillValid: () => true,
      isSecret: () => false,
    },
    authorizer: { forClient: () => allow('ok/#') },
    anonymousAllowed: false,
    certificateIdentity: undefined,
    clientIds: ANY_CLIENT_ID,
    deniedPublish: 'disconnect',
    virtualPatches: new VirtualPatches(),
    decodeRules: { rejectControlCharacters: true, userPropertiesMax: 2, strictClientIdLength: false },
    ...changes,
  };
}

/** A connection between the two stand-ins. */
export class Bench {
  readonly clock: ManualClock;
  readonly downstream: RecordingDownstream;
  readonly link = new RecordingLink();
  readonly events: GatewayEvent[] = [];
  readonly limits: LimitsInForce;
  readonly connection: Connection;
  gone = 0;
  version: ProtocolVersion;

  /** Several benches may share a clock. */
  constructor(
    version: ProtocolVersion,
    policy = testPolicy(),
    { clock = new ManualClock(), address = '192.0.2.7' }: { clock?: ManualClock; address?: string } = {},
  ) {
    this.version = version;
    this.clock = clock;
    this.downstream = new RecordingDownstream(address);
    this.limits = new LimitsInForce({ clock, emit: (event) => this.events.push(event) });
    this.connection = new Connection(this.downstream, policy, {
      clock: this.clock,
      chance: { bytes: (length) => Buffer.alloc(length, 7), below: () => 0 },
      emit: (event) => this.events.push(event),
      // How long this machine takes for something changes nothing.
      share: new TurnShare(this.clock),
      limits: this.limits,
      openLink: (receiver) => {
        this.link.receiver = receiver;
        return this.link;
      },
      onGone: () => this.gone++,
    });
  }

  send(...packets: Packet[]): void {
    this.connection.onBytes(Buffer.concat(packets.map((packet) => encodePacket(packet, this.version))));
  }

  connectPacket(changes: Partial<ConnectPacket> = {}): ConnectPacket {
    return {
      type: PacketType.Connect,
      protocolVersion: this.version,
      bridge: false,
      cleanStart: true,
      keepAliveS: 60,
      clientId: 'tester',
      username: 'tester',
      password: Buffer.from('right'),
      properties: NO_PROPERTIES,
      ...changes,
    };
  }

  /** Connects, lets the identity be established, and returns the CONNACK. */
  async open(changes: Partial<ConnectPacket> = {}): Promise<Packet | undefined> {
    this.send(this.connectPacket(changes));
    await settled();
    return this.received()[0];
  }

  received(): Packet[] {
    return this.downstream.packets(this.version);
  }

  publish(topic: string, changes: Partial<PublishPacket> = {}): PublishPacket {
    const qos = changes.qos ?? 0;
    return {
      type: PacketType.Publish,
      dup: false,
      qos,
      retain: false,
      topic,
      packetId: qos > 0 ? 1 : 0,
      payload: Buffer.from('x'),
      properties: NO_PROPERTIES,
      ...changes,
    };
  }

  named<Name extends GatewayEvent['name']>(name: Name): Extract<GatewayEvent, { name: Name }>[] {
    return this.events.filter((event): event is Extract<GatewayEvent, { name: Name }> => event.name === name);
  }
}
