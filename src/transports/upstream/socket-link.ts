/** The link of one client to a broker behind a socket: packets pass as the bytes they came in. */
import type { Timer } from '../../base/clock.ts';
import { decodePacket } from '../../mqtt/decode.ts';
import { Deframer, FrameStatus } from '../../mqtt/deframer.ts';
import { encodedSize, encodeInto, writeAck } from '../../mqtt/encode.ts';
import { type Fault, isFault } from '../../mqtt/fault.ts';
import { ConnackOfOlderVersion, PacketIdZero, TopicAliasInvalid } from '../../mqtt/faults.ts';
import type { Frame } from '../../mqtt/frame.ts';
import type { ClientFacts, DownstreamReceiver, UpstreamLink } from '../../mqtt/link.ts';
import type {
  AckType,
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  Packet,
  SubscribePacket,
  UnsubscribePacket,
} from '../../mqtt/packet.ts';
import { scanPublish, viewToPacket } from '../../mqtt/packets/publish.ts';
import { NO_PROPERTIES } from '../../mqtt/properties.ts';
import { PublishView } from '../../mqtt/publish-view.ts';
import { Reason, ReturnCode } from '../../mqtt/reason.ts';
import { PacketOrder } from '../../mqtt/sequence.ts';
import { TopicTable } from '../../mqtt/topic-table.ts';
import { PACKET_SIZE_MAX_BYTES, PacketType, type ProtocolVersion } from '../../mqtt/wire.ts';
import { sightOf } from '../../policy/detection/virtual-patches.ts';
import type { ByteStreamEnd, ByteStreamOwner } from '../byte-stream.ts';
import { CLIENT_ID_TAKEN, type SharedOwners, sessionKeptForMs } from './client-owners.ts';
import type { Dial } from './dial.ts';
import type { LinkedClient, LinkHost } from './link-host.ts';
import { refusal } from './refusal.ts';
import type { Target, TargetLink } from './target.ts';
import type { UpstreamStream } from './upstream-stream.ts';

/**
 * `idle`: not called yet. `opening`: until CONNACK has come from one of the targets. `open`: packets flow. `over`: nothing is
 * heard or called any more.
 */
type State = 'idle' | 'opening' | 'open' | 'over';

const PINGREQ = Uint8Array.of(0xc0, 0x00);

/** The view that deliveries of all links share: its content lives no longer than one call. */
const view = new PublishView();

export class SocketLink implements UpstreamLink, ByteStreamOwner, TargetLink {
  readonly #upstream: LinkHost;
  readonly #receiver: DownstreamReceiver;
  readonly #client: LinkedClient;
  #state: State = 'idle';
  #version: ProtocolVersion = 4;
  #stream: UpstreamStream | undefined;
  #deframer: Deframer | undefined;
  #order: PacketOrder | undefined;
  /** Only while it is opening: it may hold a password. */
  #connect: ConnectPacket | undefined;
  #dial: Dial | undefined;
  #tried: Set<Target> | undefined;
  #target: Target | undefined;
  #timer: Timer | undefined;
  /** Client identifier as the broker knows it, while this link counts among its clients. */
  #claimed: string | undefined;
  #releaseShared: ((keptForMs: number | undefined) => void) | undefined;
  /** How long the session that the broker has accepted outlives the connection. */
  #keptForMs: number | undefined;
  #pumping = false;
  /** The client's side asked to hold deliveries. */
  #held = false;
  /** We asked the client's side to stop reading. */
  #stopped = false;
  #bufferedBytes = 0;
  /** Topics of deliveries, by their bytes; made with the first. */
  #topics: TopicTable<never> | undefined;
  /** Topics that the broker has given aliases. */
  #serverAliases: string[] | undefined;
  #serverAliasMax = 0;
  /** Topics that the broker knows by an alias, because their introduction went to it. */
  #clientAliases: string[] | undefined;
  #clientAliasMax = 0;
  /** What the broker takes. */
  #packetSizeMaxBytes = PACKET_SIZE_MAX_BYTES;
  #keepAliveMs = 0;
  /** Something went to the broker since the keep-alive was looked at. */
  #spoke = false;
  /** Our own PINGREQ is on its way, and its answer is not the client's. */
  #ownPing = false;
  #clientPings = 0;

  constructor(upstream: LinkHost, receiver: DownstreamReceiver, client: LinkedClient) {
    this.#upstream = upstream;
    this.#receiver = receiver;
    this.#client = client;
  }

  // --- opening ---

  connect(packet: ConnectPacket, facts: ClientFacts): void {
    if (this.#state !== 'idle') return;
    this.#state = 'opening';
    this.#version = packet.protocolVersion;
    const admitted = this.#upstream.admit(packet, facts, this.#client);
    if ('refused' in admitted) {
      this.#refuse(admitted.refused, admitted.says);
      return;
    }
    this.#connect = admitted.packet;
    this.#claimed = admitted.packet.clientId;
    this.#serverAliasMax = admitted.packet.properties.topicAliasMaximum ?? 0;
    this.#tried = new Set();
    const { sharedOwners } = this.#upstream.services;
    if (sharedOwners === undefined) this.#tryNext('no target can be used');
    else void this.#claimShared(sharedOwners, admitted.packet, facts);
  }

  /** Other processes of the gateway serve clients of the same broker: the identifier must be free with them too. */
  async #claimShared(owners: SharedOwners, packet: ConnectPacket, facts: ClientFacts): Promise<void> {
    const upstream = this.#upstream.options.name;
    const { clientId } = packet;
    const { owner, isExclusive = false } = facts;
    const keptForMs = sessionKeptForMs(packet);
    const granted = await owners.claim(upstream, { clientId, owner, isExclusive, keptForMs });
    if (this.#state !== 'opening') {
      if (granted) owners.release(upstream, clientId, undefined);
    } else if (granted) {
      this.#releaseShared = (keptForMs) => owners.release(upstream, clientId, keptForMs);
      this.#tryNext('no target can be used');
    } else {
      this.#refuse(Reason.ClientIdentifierNotValid, CLIENT_ID_TAKEN);
    }
  }

  /** `says` is what went wrong with the target before. */
  #tryNext(says: string): void {
    const { clientId } = this.#connect!;
    const target = this.#upstream.pick(clientId, this.#version, this.#tried!);
    if (target === undefined) {
      this.#giveUp(says);
      return;
    }
    if (target === 'unsupported') {
      this.#refuse(Reason.UnsupportedProtocolVersion, 'the broker behind does not speak MQTT 5');
      return;
    }
    this.#tried!.add(target);
    this.#target = target;
    target.links.add(this);
    const { clock } = this.#upstream.services;
    const { connectTimeoutMs } = this.#upstream.options;
    this.#timer = clock.after(connectTimeoutMs, () => this.#attemptFailed('it did not answer in time'));
    this.#dial = this.#upstream.dial(target, this, this.#client);
  }

  onStream(stream: UpstreamStream): void {
    this.#dial = undefined;
    this.#stream = stream;
    const { packetSizeMaxBytes } = this.#upstream.options;
    this.#deframer = new Deframer({ sender: 'server', version: this.#version, packetSizeMaxBytes });
    this.#order = new PacketOrder('server');
    this.#order.observe(this.#connect!);
    stream.start(this);
    encodeInto(stream.batch, this.#connect!, this.#version);
    stream.touch();
  }

  onFailed(says: string): void {
    this.#dial = undefined;
    this.#attemptFailed(says);
  }

  /** This target did not take the client; perhaps another does. */
  #attemptFailed(says: string): void {
    const target = this.#target!;
    this.#leaveTarget();
    this.#upstream.attemptFailed(target, says);
    this.#tryNext(`${target.name}: ${says}`);
  }

  #leaveTarget(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dial?.cancel();
    this.#dial = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.destroy();
    this.#target?.links.delete(this);
    this.#target = undefined;
  }

  #refuse(reasonCode: Reason, says: string): void {
    const version = this.#version;
    this.#finish();
    this.#receiver.connack(refusal(version, reasonCode, says));
  }

  #giveUp(says: string): void {
    this.#finish();
    this.#receiver.closed({
      type: PacketType.Disconnect,
      reasonCode: Reason.ServerUnavailable,
      properties: { reasonString: `the upstream ${this.#upstream.options.name} is not available (${says})` },
    });
  }

  #onConnack(packet: ConnackPacket): void {
    const { reasonCode, properties } = packet;
    const target = this.#target!;
    if (reasonCode !== 0) {
      if (this.#version === 5 && reasonCode === Reason.UnsupportedProtocolVersion) {
        this.#lacksVersion(target);
        return;
      }
      if (isUnavailable(this.#version, reasonCode) && this.#upstream.hasOther(this.#version, this.#tried!)) {
        this.#attemptFailed(`it refused with code ${reasonCode}`);
        return;
      }
      this.#upstream.attemptSucceeded(target, this.#version);
      this.#finish();
      this.#receiver.connack(packet);
      return;
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#state = 'open';
    this.#clientAliasMax = properties.topicAliasMaximum ?? 0;
    this.#packetSizeMaxBytes = properties.maximumPacketSizeBytes ?? PACKET_SIZE_MAX_BYTES;
    const keepAliveS = properties.serverKeepAliveS ?? this.#connect!.keepAliveS;
    const { sessionExpiryIntervalS: keptForS } = properties;
    this.#keptForMs = keptForS === undefined ? sessionKeptForMs(this.#connect!) : keptForS * 1000;
    this.#connect = undefined;
    this.#tried = undefined;
    if (keepAliveS > 0) {
      this.#keepAliveMs = keepAliveS * 1000;
      this.#watchKeepAlive();
    }
    this.#upstream.attemptSucceeded(target, this.#version);
    if (this.#claimed !== undefined) this.#upstream.accepted(this.#claimed, this);
    this.#receiver.connack(packet);
  }

  /** It answered an MQTT 5 CONNECT in the form of 3.1.1. */
  #lacksVersion(target: Target): void {
    this.#upstream.lacksVersion5(target);
    this.#leaveTarget();
    this.#tryNext(`${target.name} does not speak MQTT 5`);
  }

  // --- from the broker ---

  onBytes(buffer: Uint8Array, size: number): void {
    if (this.#state === 'over') return;
    this.#deframer!.push(buffer, size);
    this.#pump();
  }

  /** Hands packets over until the deframer is empty, or the client's side wants no more for now. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const deframer = this.#deframer!;
    while (!this.#held && this.#stream !== undefined) {
      const status = deframer.next();
      if (status === FrameStatus.Frame) this.#onFrame(deframer);
      else {
        if (status === FrameStatus.Fault) this.#onFault(deframer.fault!);
        break;
      }
    }
    this.#pumping = false;
    if (this.#held) deframer.hold();
  }

  #onFrame(frame: Deframer): void {
    const type = (frame.bytes[frame.start]! >> 4) as PacketType;
    const misplaced = this.#order!.next(type);
    if (misplaced !== undefined) this.#onFault(misplaced);
    else if (type === PacketType.Publish) this.#onPublish(frame);
    else if (type >= PacketType.Puback && type <= PacketType.Pubcomp && frame.end - frame.bodyStart === 2)
      this.#onBareAck(type as AckType, frame);
    else this.#onOther(frame);
  }

  #onPublish(frame: Frame): void {
    this.#topics ??= new TopicTable();
    const fault =
      scanPublish(view, frame, this.#version, 'server', undefined, this.#topics) ?? this.#findTopic(this.#topics);
    if (fault !== undefined) this.#onFault(fault);
    else if (!this.#receiver.publish(view)) {
      this.#held = true;
      this.#stream?.pause();
    }
  }

  /** Fills in the topic, through the broker's aliases where it uses them. */
  #findTopic(topics: TopicTable<never>): Fault | undefined {
    const { topicAlias, topicStart, topicEnd } = view;
    if (topicAlias > this.#serverAliasMax) return TopicAliasInvalid;
    if (topicEnd === topicStart) {
      const topic = this.#serverAliases?.[topicAlias];
      if (topic === undefined) return TopicAliasInvalid;
      view.topic = topic;
      return undefined;
    }
    view.topic = (view.repeatsTopic ? topics.recent! : topics.lookup(view.bytes, topicStart, topicEnd)).topic;
    if (topicAlias !== 0) {
      this.#serverAliases ??= [];
      this.#serverAliases[topicAlias] = view.topic;
    }
    return undefined;
  }

  /** An acknowledgement that is only a packet identifier, as nearly all are: no packet object is made for it. */
  #onBareAck(type: AckType, frame: Frame): void {
    const { bytes, bodyStart } = frame;
    const packetId = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!;
    if (packetId === 0) this.#onFault(PacketIdZero);
    else this.#receiver.acknowledge(type, packetId, Reason.Success, undefined, frame);
  }

  #onOther(frame: Frame): void {
    const packet = decodePacket(frame, this.#version, 'server');
    if (isFault(packet)) {
      this.#onFault(packet);
      return;
    }
    const misplaced = this.#order!.check(packet);
    if (misplaced !== undefined) this.#onFault(misplaced);
    else this.#onPacket(packet, frame);
  }

  #onPacket(packet: Packet, frame: Frame): void {
    switch (packet.type) {
      case PacketType.Connack:
        this.#onConnack(packet);
        return;
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp:
        this.#receiver.acknowledge(packet.type, packet.packetId, packet.reasonCode, packet.properties, frame);
        return;
      case PacketType.Suback:
        this.#receiver.suback(packet, frame);
        return;
      case PacketType.Unsuback:
        this.#receiver.unsuback(packet, frame);
        return;
      case PacketType.Pingresp:
        this.#onPong();
        return;
      case PacketType.Auth:
        this.#receiver.authenticate(packet, frame);
        return;
      case PacketType.Disconnect:
        this.#finish();
        this.#receiver.closed(packet, frame);
        return;
      default:
        // INVARIANT: the deframer has refused what only a client sends.
        return;
    }
  }

  /** What the broker sent breaks the protocol: its link ends, and nothing else does. */
  #onFault(fault: Fault): void {
    const target = this.#target!;
    if (this.#state === 'opening' && fault === ConnackOfOlderVersion) {
      this.#lacksVersion(target);
      return;
    }
    const sight = sightOf(this.#deframer!, { fault, sender: 'server', version: this.#version, isFirst: false });
    this.#upstream.services.emit({
      name: 'packet.faulted',
      ...this.#client.facts(),
      fault: fault.code,
      clause: fault.clause,
      sender: 'server',
      by: this.#client.policy?.virtualPatches.authorOf(sight) ?? `codec:${fault.code}`,
      reason: fault.reason,
      says: fault.says,
    });
    if (this.#state === 'opening') {
      this.#attemptFailed(`it broke the protocol: ${fault.says}`);
      return;
    }
    this.#stream?.destroy();
    this.#finish();
    this.#receiver.closed(undefined);
  }

  onDrain(): void {
    if (!this.#stopped || this.#state !== 'open') return;
    this.#stopped = false;
    this.#receiver.drained();
  }

  onClosed(end: ByteStreamEnd): void {
    // The stream of an earlier attempt, which was ended here.
    if (end.by === 'us') return;
    if (this.#state === 'opening') {
      // Brokers of older versions close on a CONNECT that they cannot read.
      if (this.#version === 5) this.#upstream.doubtsVersion5(this.#target!);
      const how = end.says === '' ? 'closed the connection' : `broke the connection (${end.says})`;
      this.#attemptFailed(`it ${how} before it answered`);
    } else if (this.#state === 'open') {
      // Some brokers end the older of two connections without a word [MQTT-3.1.4-3].
      if (this.#claimed !== undefined && this.#upstream.isTakenOver(this.#claimed)) this.takenOver();
      else {
        this.#finish();
        this.#receiver.closed(undefined);
      }
    }
  }

  waitingBytes(): number {
    const stream = this.#stream;
    return stream === undefined ? 0 : stream.batch.length + stream.bufferedBytes();
  }

  // --- from the client ---

  publish(packet: PublishView): boolean {
    const stream = this.#stream;
    if (stream === undefined) return true;
    const { batch } = stream;
    if (batch.length === 0) this.#bufferedBytes = stream.bufferedBytes();
    if (packet.topicAlias === 0 || this.#aliasPasses(packet)) batch.append(packet.bytes, packet.start, packet.end);
    else this.#publishWithoutAlias(packet);
    this.#spoke = true;
    stream.touch();
    if (this.#bufferedBytes + batch.length <= this.#upstream.options.bufferMaxBytes) return true;
    this.#stopped = true;
    return false;
  }

  /** The broker takes fewer aliases than the gateway, or never saw this one introduced: the topic stands for itself. */
  #publishWithoutAlias(packet: PublishView): void {
    const whole = viewToPacket(packet);
    const { topicAlias: _alias, ...properties } = whole.properties;
    const outgoing = { ...whole, topic: packet.topic, properties };
    if (encodedSize(outgoing, this.#version) <= this.#packetSizeMaxBytes) {
      encodeInto(this.#stream!.batch, outgoing, this.#version);
      return;
    }
    // The client kept to the size that it was told; the topic made the packet larger than the broker takes [MQTT-3.2.2-15].
    if (packet.qos === 0) return;
    const type = packet.qos === 1 ? PacketType.Puback : PacketType.Pubrec;
    const reasonString = 'with its topic in place of the alias, the packet is larger than the broker takes';
    this.#receiver.acknowledge(type, packet.packetId, Reason.QuotaExceeded, { reasonString });
  }

  #aliasPasses(packet: PublishView): boolean {
    const { topicAlias, topic } = packet;
    if (topicAlias > this.#clientAliasMax) return false;
    this.#clientAliases ??= [];
    if (packet.topicEnd === packet.topicStart) return this.#clientAliases[topicAlias] === topic;
    this.#clientAliases[topicAlias] = topic;
    return true;
  }

  acknowledge(type: AckType, packetId: number, reasonCode: number, frame?: Frame): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (frame !== undefined) stream.batch.append(frame.bytes, frame.start, frame.end);
    else writeAck(stream.batch, type, packetId, reasonCode, this.#version);
    this.#spoke = true;
    stream.touch();
  }

  subscribe(packet: SubscribePacket, frame?: Frame): void {
    this.#send(packet, frame);
  }

  unsubscribe(packet: UnsubscribePacket, frame?: Frame): void {
    this.#send(packet, frame);
  }

  authenticate(packet: AuthPacket): void {
    this.#order?.observe(packet);
    this.#send(packet, undefined);
  }

  #send(packet: Packet, frame: Frame | undefined): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (frame !== undefined) stream.batch.append(frame.bytes, frame.start, frame.end);
    else encodeInto(stream.batch, packet, this.#version);
    this.#spoke = true;
    stream.touch();
  }

  ping(): void {
    this.#clientPings++;
    this.#sendPing();
  }

  #sendPing(): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    stream.batch.append(PINGREQ, 0, PINGREQ.length);
    this.#spoke = true;
    stream.touch();
  }

  #onPong(): void {
    // INVARIANT: ours is sent only when none of the client's is on its way, so the first answer is to ours.
    if (this.#ownPing) this.#ownPing = false;
    else {
      if (this.#clientPings > 0) this.#clientPings--;
      this.#receiver.pong();
    }
  }

  /**
   * What policy refuses never reaches the broker, which could take the client for dead: when nothing went to it for a whole
   * keep-alive, it is told that the client lives. Whether that is so the gateway watches by itself.
   */
  #watchKeepAlive(): void {
    this.#timer = this.#upstream.services.clock.after(this.#keepAliveMs, SocketLink.#onKeepAlive, this);
  }

  static #onKeepAlive(link: SocketLink): void {
    if (!link.#spoke && !link.#ownPing && link.#clientPings === 0) {
      link.#ownPing = true;
      link.#sendPing();
    }
    link.#spoke = false;
    link.#watchKeepAlive();
  }

  resume(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#pump();
    if (!this.#held) this.#stream?.resume();
  }

  close(disconnect: DisconnectPacket | undefined): void {
    if (this.#state === 'over') return;
    const stream = this.#state === 'open' ? this.#stream : undefined;
    // A client may say only now how long its session waits [MQTT5 3.14.2.2.2].
    const keptForS = disconnect?.properties.sessionExpiryIntervalS;
    if (stream !== undefined && keptForS !== undefined) this.#keptForMs = keptForS * 1000;
    // Without DISCONNECT the broker publishes the Will; what the client sent before it was lost still goes out.
    if (stream !== undefined && disconnect !== undefined) encodeInto(stream.batch, disconnect, this.#version);
    this.#finish();
  }

  /** Nothing is heard or called any more; what was written still goes out. */
  #finish(): void {
    if (this.#state === 'over') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'over';
    if (wasOpen) {
      this.#stream?.end();
      this.#stream = undefined;
    }
    this.#leaveTarget();
    this.#connect = undefined;
    this.#tried = undefined;
    if (this.#claimed !== undefined) this.#upstream.release(this.#claimed, this, this.#keptForMs);
    this.#claimed = undefined;
    this.#releaseShared?.(this.#keptForMs);
    this.#releaseShared = undefined;
  }

  get target(): Target | undefined {
    return this.#target;
  }

  takenOver(): void {
    this.#finish();
    this.#receiver.closed({
      type: PacketType.Disconnect,
      reasonCode: Reason.SessionTakenOver,
      properties: { reasonString: 'another connection with this client identifier has come' },
    });
  }

  evict(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'opening') {
      this.#attemptFailed('it was taken out of service');
      return;
    }
    this.#finish();
    this.#receiver.closed({
      type: PacketType.Disconnect,
      reasonCode: Reason.ServerBusy,
      properties: this.#version === 5 ? { reasonString: 'the broker behind was taken out of service' } : NO_PROPERTIES,
    });
  }
}

/** Whether a refusal says that this broker, of several, cannot serve anybody now. */
function isUnavailable(version: ProtocolVersion, code: number): boolean {
  if (version < 5) return code === ReturnCode.ServerUnavailable;
  return code === Reason.ServerUnavailable || code === Reason.ServerBusy || code === Reason.ServerShuttingDown;
}
