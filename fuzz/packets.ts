/** Structure-aware input: whole packets that are legal, or nearly so, of every type, version and side. */
import { Buffer } from 'node:buffer';
import type { Packet, Subscription, Will } from '../src/mqtt/packet.ts';
import type { Properties } from '../src/mqtt/properties.ts';
import { PROPERTY_ROWS, PropertyKind } from '../src/mqtt/properties-table.ts';
import { PacketType, type ProtocolVersion, type QoS, type Sender } from '../src/mqtt/wire.ts';
import type { Random } from './random.ts';

const TOPICS = ['a', 'a/b', 'a/b/c', '/', '//', 'devices/x/y', '$SYS/z', 'a//b', 'é/日本', 'x'.repeat(200)];
const FILTERS = [...TOPICS, '#', '+', 'a/#', '+/b', 'a/+/c', '$share/g/a/#', '$share/g/+', '$SYS/#', '+/+/+/+'];
const TEXTS = ['', 'a', 'text/plain', 'é', '\ufeff', '\uffff', '\u0001', 'x'.repeat(300)];

const BY_CLIENT = [1, 3, 3, 3, 4, 5, 6, 7, 8, 8, 10, 12, 14, 15] as const;
const BY_SERVER = [2, 3, 3, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15] as const;

/** A packet that `sender` could send; most of them are legal, and what is not is illegal in an interesting place. */
export function randomPacket(random: Random, version: ProtocolVersion, sender: Sender): Packet {
  const type = random.pick<PacketType>(sender === 'client' ? BY_CLIENT : BY_SERVER);
  return packetOf(random, version === 5 || type !== PacketType.Auth ? type : PacketType.Publish, version);
}

export function packetOf(random: Random, type: PacketType, version: ProtocolVersion): Packet {
  const properties = version === 5 && !random.oneIn(3) ? randomProperties(random) : {};
  const packetId = random.oneIn(50) ? 0 : 1 + random.below(random.oneIn(4) ? 0xffff : 6);
  const reasonCode = version === 5 && random.oneIn(3) ? random.below(0xa3) : 0;
  switch (type) {
    case PacketType.Connect:
      return randomConnect(random, version, properties);
    case PacketType.Connack:
      return {
        type,
        sessionPresent: random.oneIn(4),
        reasonCode: version === 5 ? reasonCode : random.below(6),
        properties,
      };
    case PacketType.Publish: {
      const qos = random.below(3) as QoS;
      return {
        type,
        dup: qos > 0 && random.oneIn(5),
        qos,
        retain: random.oneIn(5),
        topic: random.pick(TOPICS),
        packetId: qos > 0 ? packetId : 0,
        payload: random.bytes(random.oneIn(20) ? random.below(5000) : random.below(40)),
        properties,
      };
    }
    case PacketType.Subscribe:
      return { type, packetId, subscriptions: some(random, () => randomSubscription(random, version)), properties };
    case PacketType.Unsubscribe:
      return { type, packetId, filters: some(random, () => random.pick(FILTERS)), properties };
    case PacketType.Suback:
    case PacketType.Unsuback:
      return { type, packetId, reasonCodes: some(random, () => random.pick([0, 1, 2, 0x80, 0x87])), properties };
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      return { type };
    case PacketType.Disconnect:
    case PacketType.Auth:
      return { type, reasonCode: type === PacketType.Auth ? random.pick([0x18, 0x19, 0]) : reasonCode, properties };
    default:
      return { type, packetId, reasonCode, properties };
  }
}

function randomConnect(random: Random, version: ProtocolVersion, properties: Properties): Packet {
  const will: Will = {
    topic: random.pick(TOPICS),
    payload: random.bytes(random.below(30)),
    qos: random.below(3) as QoS,
    retain: random.oneIn(3),
    properties: version === 5 && random.oneIn(2) ? randomProperties(random) : {},
  };
  return {
    type: PacketType.Connect,
    protocolVersion: version,
    bridge: false,
    cleanStart: !random.oneIn(3),
    keepAliveS: random.below(100),
    clientId: random.oneIn(4) ? random.pick(TEXTS) : `client-${random.below(5)}`,
    username: 'fuzz',
    password: random.bytes(random.below(8)),
    ...(random.oneIn(3) ? { will } : {}),
    properties,
  };
}

function randomSubscription(random: Random, version: ProtocolVersion): Subscription {
  return {
    filter: random.pick(FILTERS),
    qos: random.below(3) as QoS,
    noLocal: version === 5 && random.oneIn(4),
    retainAsPublished: version === 5 && random.oneIn(4),
    retainHandling: version === 5 ? (random.below(3) as 0 | 1 | 2) : 0,
  };
}

function some<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: random.oneIn(40) ? 0 : 1 + random.below(4) }, make);
}

/** Any properties at all: whether they may stand in the packet is for the decoder to say. */
function randomProperties(random: Random): Properties {
  const properties: Record<string, unknown> = {};
  const rows = PROPERTY_ROWS.filter((row) => row !== undefined);
  for (let count = random.below(4); count > 0; count--) {
    const { key, kind } = random.pick(rows);
    if (key === 'subscriptionIdentifiers') properties[key] = [1 + random.below(300)];
    else if (key === 'userProperties') properties[key] = some(random, () => [random.pick(TEXTS), random.pick(TEXTS)]);
    else if (key === 'payloadFormatIndicator' || key === 'maximumQos') properties[key] = random.below(2);
    else if (kind === PropertyKind.Flag) properties[key] = random.oneIn(2);
    else if (kind === PropertyKind.TwoBytes) properties[key] = random.below(random.oneIn(2) ? 4 : 0x10000);
    else if (kind === PropertyKind.FourBytes) properties[key] = random.next() >>> random.below(32);
    else if (kind === PropertyKind.Text) properties[key] = random.pick(key === 'responseTopic' ? FILTERS : TEXTS);
    else properties[key] = Buffer.from(random.bytes(random.below(10)));
  }
  return properties;
}
