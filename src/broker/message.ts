/** An application message: kept, as it stands in queues, and in transit, while its bytes are still somebody else's. */
import type { Properties } from '../mqtt/properties.ts';
import type { PublishView } from '../mqtt/publish-view.ts';
import type { QoS } from '../mqtt/wire.ts';
import { copyForwarded, decodeForwarded, encodeForwarded, NO_BYTES } from './forwarded-properties.ts';
import type { StoredMessage, StoredWill } from './store.ts';

/** Counts messages up, so that each has an identifier of its own. */
export interface MessageIds {
  last: number;
}

/** A kept message. INVARIANT: its bytes are its own, and nobody changes them: one object stands in many queues. */
export class Message implements StoredMessage {
  readonly id: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** As v5 sends them, without length. */
  readonly propertyBytes: Uint8Array;
  readonly expiresAtMs: number | undefined;
  readonly publisher: string;

  constructor(fields: Omit<StoredMessage, 'properties'> & { readonly propertyBytes: Uint8Array }) {
    this.id = fields.id;
    this.topic = fields.topic;
    this.payload = fields.payload;
    this.qos = fields.qos;
    this.retain = fields.retain;
    this.propertyBytes = fields.propertyBytes;
    this.expiresAtMs = fields.expiresAtMs;
    this.publisher = fields.publisher;
  }

  /** Decoded when asked for: only a store that writes them does. */
  get properties(): Properties {
    return decodeForwarded(this.propertyBytes);
  }

  /** What it counts for against ceilings. */
  get sizeBytes(): number {
    return this.topic.length + this.propertyBytes.length + this.payload.length;
  }

  expiredAt(epochMs: number): boolean {
    return this.expiresAtMs !== undefined && this.expiresAtMs <= epochMs;
  }
}

/** Takes over what a store has read back. */
export function restoreMessage(stored: StoredMessage): Message {
  return new Message({
    id: stored.id,
    topic: stored.topic,
    payload: stored.payload,
    qos: stored.qos,
    retain: stored.retain,
    propertyBytes: encodeForwarded(stored.properties),
    expiresAtMs: stored.expiresAtMs,
    publisher: stored.publisher,
  });
}

/** A Will as the message that is published; its expiry counts from now [MQTT5 3.1.3.2.4]. */
export function willMessage(will: StoredWill, publisher: string, ids: MessageIds, epochMs: number): Message {
  const expiryS = will.properties.messageExpiryIntervalS;
  return new Message({
    id: ++ids.last,
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    propertyBytes: encodeForwarded(will.properties),
    expiresAtMs: expiryS === undefined ? undefined : epochMs + expiryS * 1000,
    publisher,
  });
}

/**
 * A message while it is being handed out: where its parts are, in borrowed bytes or in those of a kept message. One instance is
 * filled again and again; `keep` makes the kept message, once, when the first queue asks for it.
 */
export class Transit {
  topic = '';
  qos: QoS = 0;
  retain = false;
  publisher = '';
  propertyBytes = NO_BYTES;
  propertiesStart = 0;
  propertiesEnd = 0;
  payload = NO_BYTES;
  payloadStart = 0;
  payloadEnd = 0;
  /** Seconds it has left, rounded up; -1 for ever. */
  expiryS = -1;
  #expiresAtMs: number | undefined;
  #kept: Message | undefined;
  readonly #ids: MessageIds;

  constructor(ids: MessageIds) {
    this.#ids = ids;
  }

  /** A client's PUBLISH; `view` is borrowed, and so is this until the call that got it returns. */
  fromView(view: PublishView, publisher: string, epochMs: () => number): void {
    this.topic = view.topic;
    this.qos = view.qos;
    this.retain = view.retain;
    this.publisher = publisher;
    if (view.topicAlias === 0 && view.messageExpiryIntervalS === -1) {
      this.propertyBytes = view.bytes;
      this.propertiesStart = view.propertiesStart;
      this.propertiesEnd = view.propertiesEnd;
    } else {
      this.propertyBytes = copyForwarded(view.bytes, view.propertiesStart, view.propertiesEnd);
      this.propertiesStart = 0;
      this.propertiesEnd = this.propertyBytes.length;
    }
    this.payload = view.bytes;
    this.payloadStart = view.payloadStart;
    this.payloadEnd = view.end;
    this.expiryS = view.messageExpiryIntervalS;
    this.#expiresAtMs = this.expiryS === -1 ? undefined : epochMs() + this.expiryS * 1000;
    this.#kept = undefined;
  }

  fromMessage(message: Message, epochMs: () => number): void {
    this.topic = message.topic;
    this.qos = message.qos;
    this.retain = message.retain;
    this.publisher = message.publisher;
    this.propertyBytes = message.propertyBytes;
    this.propertiesStart = 0;
    this.propertiesEnd = message.propertyBytes.length;
    this.payload = message.payload;
    this.payloadStart = 0;
    this.payloadEnd = message.payload.length;
    this.#expiresAtMs = message.expiresAtMs;
    // What it was sent with, less the time it has waited [MQTT-3.3.2-6]; 0 when it expired while it was under way.
    this.expiryS =
      message.expiresAtMs === undefined ? -1 : Math.max(0, Math.ceil((message.expiresAtMs - epochMs()) / 1000));
    this.#kept = message;
  }

  get sizeBytes(): number {
    return this.topic.length + (this.propertiesEnd - this.propertiesStart) + (this.payloadEnd - this.payloadStart);
  }

  keep(): Message {
    this.#kept ??= new Message({
      id: ++this.#ids.last,
      topic: this.topic,
      payload: copyOf(this.payload, this.payloadStart, this.payloadEnd),
      qos: this.qos,
      retain: this.retain,
      propertyBytes: copyOf(this.propertyBytes, this.propertiesStart, this.propertiesEnd),
      expiresAtMs: this.#expiresAtMs,
      publisher: this.publisher,
    });
    return this.#kept;
  }
}

/** In memory of their own: a slice of a pool would keep the whole pool alive. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end) return NO_BYTES;
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
