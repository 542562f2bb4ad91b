/**
 * A message's properties as bytes on disk: identifier and value after one another, exactly as MQTT 5 writes them
 * [MQTT5 2.2.2], so that the form outlives any version of ours.
 */

import type { Properties } from '../mqtt/properties.ts';

const PAYLOAD_FORMAT_INDICATOR = 0x01;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const WILL_DELAY_INTERVAL = 0x18;
const USER_PROPERTY = 0x26;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text and binary values come from the wire, where none is longer than two bytes of length can say. */
class Writer {
  readonly #parts: Uint8Array[] = [];

  byte(identifier: number, value: number): void {
    this.#parts.push(Uint8Array.of(identifier, value));
  }

  uint32(identifier: number, value: number): void {
    const part = Buffer.allocUnsafe(5);
    part[0] = identifier;
    part.writeUInt32BE(value, 1);
    this.#parts.push(part);
  }

  binary(identifier: number, value: Uint8Array): void {
    this.#parts.push(Uint8Array.of(identifier, value.length >> 8, value.length & 0xff), value);
  }

  string(identifier: number, value: string): void {
    this.binary(identifier, Buffer.from(value, 'utf8'));
  }

  pair(identifier: number, name: string, value: string): void {
    this.string(identifier, name);
    const bytes = Buffer.from(value, 'utf8');
    this.#parts.push(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/**
 * The bytes of those properties that belong to a message or a Will; the others belong to a connection and are not kept.
 * Undefined when there are none.
 */
export function encodeProperties(properties: Properties): Uint8Array | undefined {
  // Most messages have none; this is the cheapest question that says so.
  let some = false;
  for (const _ in properties) {
    some = true;
    break;
  }
  if (!some) return undefined;
  const writer = new Writer();
  if (properties.payloadFormatIndicator !== undefined) {
    writer.byte(PAYLOAD_FORMAT_INDICATOR, properties.payloadFormatIndicator);
  }
  if (properties.messageExpiryIntervalS !== undefined) {
    writer.uint32(MESSAGE_EXPIRY_INTERVAL, properties.messageExpiryIntervalS);
  }
  if (properties.contentType !== undefined) writer.string(CONTENT_TYPE, properties.contentType);
  if (properties.responseTopic !== undefined) writer.string(RESPONSE_TOPIC, properties.responseTopic);
  if (properties.correlationData !== undefined) writer.binary(CORRELATION_DATA, properties.correlationData);
  // On disk of fixed width; on the wire it would be a Variable Byte Integer. DEVIATION: one reader less to get wrong.
  for (const identifier of properties.subscriptionIdentifiers ?? []) writer.uint32(SUBSCRIPTION_IDENTIFIER, identifier);
  if (properties.willDelayIntervalS !== undefined) writer.uint32(WILL_DELAY_INTERVAL, properties.willDelayIntervalS);
  for (const [name, value] of properties.userProperties ?? []) writer.pair(USER_PROPERTY, name, value);
  const bytes = writer.finish();
  return bytes.length === 0 ? undefined : bytes;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number | undefined {
    return this.#bytes[this.#at++];
  }

  uint32(): number | undefined {
    const at = this.#at;
    if (at + 4 > this.#bytes.length) return undefined;
    this.#at = at + 4;
    return this.#bytes.readUInt32BE(at);
  }

  /** A copy: what is kept must not pin the row it came in. */
  binary(): Uint8Array | undefined {
    const at = this.#at;
    if (at + 2 > this.#bytes.length) return undefined;
    const end = at + 2 + this.#bytes.readUInt16BE(at);
    if (end > this.#bytes.length) return undefined;
    this.#at = end;
    return new Uint8Array(this.#bytes.subarray(at + 2, end));
  }

  string(): string | undefined {
    const bytes = this.binary();
    if (bytes === undefined) return undefined;
    try {
      return utf8.decode(bytes);
    } catch {
      return undefined;
    }
  }
}

/** Undefined when the bytes are damaged: cut short, an unknown identifier, text that is not UTF-8. */
export function decodeProperties(bytes: Uint8Array): Properties | undefined {
  const reader = new Reader(bytes);
  const properties: Properties = {};
  while (!reader.done) {
    switch (reader.byte()) {
      case PAYLOAD_FORMAT_INDICATOR: {
        const value = reader.byte();
        if (value !== 0 && value !== 1) return undefined;
        properties.payloadFormatIndicator = value;
        break;
      }
      case MESSAGE_EXPIRY_INTERVAL: {
        const value = reader.uint32();
        if (value === undefined) return undefined;
        properties.messageExpiryIntervalS = value;
        break;
      }
      case CONTENT_TYPE: {
        const value = reader.string();
        if (value === undefined) return undefined;
        properties.contentType = value;
        break;
      }
      case RESPONSE_TOPIC: {
        const value = reader.string();
        if (value === undefined) return undefined;
        properties.responseTopic = value;
        break;
      }
      case CORRELATION_DATA: {
        const value = reader.binary();
        if (value === undefined) return undefined;
        properties.correlationData = value;
        break;
      }
      case SUBSCRIPTION_IDENTIFIER: {
        const value = reader.uint32();
        if (value === undefined) return undefined;
        properties.subscriptionIdentifiers ??= [];
        properties.subscriptionIdentifiers.push(value);
        break;
      }
      case WILL_DELAY_INTERVAL: {
        const value = reader.uint32();
        if (value === undefined) return undefined;
        properties.willDelayIntervalS = value;
        break;
      }
      case USER_PROPERTY: {
        const name = reader.string();
        const value = reader.string();
        if (name === undefined || value === undefined) return undefined;
        properties.userProperties ??= [];
        properties.userProperties.push([name, value]);
        break;
      }
      default:
        return undefined;
    }
  }
  return properties;
}
