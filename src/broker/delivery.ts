/** A message as the PUBLISH packets that deliver it: each shape is encoded once, and goes to every client that takes that shape. */
import { ByteBatch } from '../base/byte-batch.ts';
import { PublishView } from '../mqtt/publish-view.ts';
import { type ProtocolVersion, type QoS, REMAINING_LENGTH_MAX } from '../mqtt/wire.ts';
import { variableByteIntegerSize } from '../mqtt/writer.ts';
import { type MessageIds, Transit } from './message.ts';

/** Room that is kept from message to message. */
const KEEP_BYTES = 64 * 1024;
/** Shapes remembered of one message; subscribers with unlike identifiers or aliases make more, which are encoded each time. */
const SHAPES_MAX = 8;

const MESSAGE_EXPIRY_ID = 0x02;
const SUBSCRIPTION_IDENTIFIER_ID = 0x0b;
const TOPIC_ALIAS_ID = 0x23;

interface Shape {
  /** Everything of the shape but the identifiers, in one number. */
  key: number;
  identifiers: readonly number[];
  readonly view: PublishView;
  readonly batch: ByteBatch;
}

export class Delivery {
  readonly transit: Transit;
  readonly #shapes: Shape[] = [];
  #count = 0;

  constructor(ids: MessageIds) {
    this.transit = new Transit(ids);
  }

  /** Call after `transit` was filled anew. */
  begin(): void {
    this.#count = 0;
  }

  /**
   * The packet of one shape. Its identifier is 0 until somebody patches it in, at `packetIdAt`. `alias` 0 is none; with
   * `aliasKnown` the alias stands for the topic. Undefined when no packet can be that long.
   * INVARIANT: valid until `begin`, or until `SHAPES_MAX` more shapes were asked for.
   */
  shape(
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    identifiers: readonly number[],
    alias: number,
    aliasKnown: boolean,
  ): PublishView | undefined {
    const flags = (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
    const key = version === 5 ? (alias << 6) | (aliasKnown ? 32 : 0) | 16 | flags : flags;
    const shapes = this.#shapes;
    for (let i = 0; i < this.#count; i++) {
      const shape = shapes[i]!;
      if (shape.key === key && sameNumbers(shape.identifiers, identifiers)) {
        shape.view.version = version;
        return shape.view;
      }
    }
    const at = this.#count < SHAPES_MAX ? this.#count++ : SHAPES_MAX - 1;
    shapes[at] ??= { key, identifiers, view: new PublishView(), batch: new ByteBatch() };
    const shape = shapes[at];
    shape.key = key;
    shape.identifiers = identifiers;
    if (this.#encode(shape, version, flags, qos, identifiers, alias, aliasKnown)) return shape.view;
    this.#count = at;
    return undefined;
  }

  #encode(
    { view, batch }: Shape,
    version: ProtocolVersion,
    flags: number,
    qos: QoS,
    identifiers: readonly number[],
    alias: number,
    aliasKnown: boolean,
  ): boolean {
    const { transit } = this;
    const { topic, expiryS, propertiesStart, propertiesEnd, payloadStart, payloadEnd } = transit;
    const sendsTopic = version !== 5 || !aliasKnown;
    const topicSize = sendsTopic ? Buffer.byteLength(topic) : 0;
    let propertiesSize = 0;
    if (version === 5) {
      propertiesSize = propertiesEnd - propertiesStart + (expiryS === -1 ? 0 : 5) + (alias === 0 ? 0 : 3);
      for (let i = 0; i < identifiers.length; i++) propertiesSize += 1 + variableByteIntegerSize(identifiers[i]!);
    }
    const lengthSize = version === 5 ? variableByteIntegerSize(propertiesSize) : 0;
    const remaining = 2 + topicSize + (qos === 0 ? 0 : 2) + lengthSize + propertiesSize + (payloadEnd - payloadStart);
    if (remaining > REMAINING_LENGTH_MAX || topicSize > 0xffff) return false;
    const bodyStart = 1 + variableByteIntegerSize(remaining);
    batch.clear(KEEP_BYTES);
    batch.reserve(bodyStart + 2 + topicSize + (qos === 0 ? 0 : 2));
    let { bytes } = batch;
    bytes[0] = 0x30 | flags;
    putVariableByteInteger(bytes, 1, remaining);
    bytes[bodyStart] = topicSize >>> 8;
    bytes[bodyStart + 1] = topicSize;
    view.topicStart = bodyStart + 2;
    view.topicEnd = view.topicStart + topicSize;
    if (sendsTopic) putText(bytes, view.topicStart, topic, topicSize);
    view.packetIdAt = qos === 0 ? 0 : view.topicEnd;
    if (version === 5) {
      const at = batch.reserve(lengthSize);
      putVariableByteInteger(batch.bytes, at, propertiesSize);
      view.propertiesStart = batch.length;
      this.#putProperties(batch, identifiers, alias);
    } else {
      view.propertiesStart = batch.length;
    }
    view.propertiesEnd = batch.length;
    view.payloadStart = batch.length;
    batch.append(transit.payload, payloadStart, payloadEnd);
    bytes = batch.bytes;
    view.bytes = bytes;
    view.start = 0;
    view.bodyStart = bodyStart;
    view.end = batch.length;
    view.version = version;
    view.dup = (flags & 8) !== 0;
    view.qos = qos;
    view.retain = (flags & 1) !== 0;
    view.packetId = 0;
    view.topicAlias = version === 5 ? alias : 0;
    view.messageExpiryIntervalS = version === 5 ? expiryS : -1;
    view.topic = topic;
    return true;
  }

  #putProperties(batch: ByteBatch, identifiers: readonly number[], alias: number): void {
    const { expiryS, propertyBytes, propertiesStart, propertiesEnd } = this.transit;
    if (expiryS !== -1) {
      const at = batch.reserve(5);
      batch.bytes[at] = MESSAGE_EXPIRY_ID;
      batch.bytes.writeUInt32BE(expiryS, at + 1);
    }
    if (alias !== 0) {
      const at = batch.reserve(3);
      batch.bytes[at] = TOPIC_ALIAS_ID;
      batch.bytes.writeUInt16BE(alias, at + 1);
    }
    for (let i = 0; i < identifiers.length; i++) {
      const identifier = identifiers[i]!;
      const at = batch.reserve(1 + variableByteIntegerSize(identifier));
      batch.bytes[at] = SUBSCRIPTION_IDENTIFIER_ID;
      putVariableByteInteger(batch.bytes, at + 1, identifier);
    }
    batch.append(propertyBytes, propertiesStart, propertiesEnd);
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function putVariableByteInteger(bytes: Uint8Array, start: number, value: number): void {
  let at = start;
  let rest = value;
  while (rest >= 128) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at] = rest;
}

/** Topics are short and mostly ASCII: a loop beats the call into native code. */
function putText(bytes: Buffer, at: number, text: string, size: number): void {
  if (size !== text.length) bytes.write(text, at, 'utf8');
  else for (let i = 0; i < size; i++) bytes[at + i] = text.charCodeAt(i);
}

/**
 * One delivery for each depth of nesting: handing out a message can make a client's answer, and with it the next message of a
 * queue, or a Will, before the first has gone to everybody.
 */
export class Deliveries {
  readonly #pool: Delivery[] = [];
  readonly #ids: MessageIds;
  #depth = 0;

  constructor(ids: MessageIds) {
    this.#ids = ids;
  }

  enter(): Delivery {
    this.#pool[this.#depth] ??= new Delivery(this.#ids);
    return this.#pool[this.#depth++]!;
  }

  /** INVARIANT: called once for each `enter`, in reverse order. */
  leave(): void {
    this.#depth--;
  }
}
