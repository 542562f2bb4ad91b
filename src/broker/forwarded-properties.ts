/** The v5 properties of a message that travel with it, as the bytes in which they are forwarded. */
import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import { propertiesSize, readProperties, writeProperties } from '../mqtt/properties-codec.ts';
import { PROPERTY_ROWS, PropertyKind } from '../mqtt/properties-table.ts';
import { variableByteIntegerSize, Writer } from '../mqtt/writer.ts';

export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Those that a server sets itself in each delivery: a publisher's never go on [MQTT-3.3.2-7]. */
const MESSAGE_EXPIRY_ID = 0x02;
const SUBSCRIPTION_IDENTIFIER_ID = 0x0b;
const TOPIC_ALIAS_ID = 0x23;

/** Encodes what is forwarded of a message's or a Will's properties [MQTT-3.3.2-17, MQTT-3.3.2-18, MQTT-3.3.2-20]. */
export function encodeForwarded(properties: Properties): Uint8Array {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties;
  const forwarded = {
    ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(userProperties === undefined ? {} : { userProperties }),
  };
  const size = propertiesSize(forwarded);
  if (size === 0) return NO_BYTES;
  const lengthSize = variableByteIntegerSize(size);
  const writer = new Writer();
  writer.bytes = Buffer.allocUnsafeSlow(lengthSize + size);
  writeProperties(writer, forwarded, size);
  return writer.bytes.subarray(lengthSize);
}

export function decodeForwarded(bytes: Uint8Array): Properties {
  return bytes.length === 0 ? NO_PROPERTIES : readProperties(bytes, 0, bytes.length);
}

/**
 * Copies a checked property list of a PUBLISH without what is not forwarded. The rest keeps its bytes and its order
 * [MQTT-3.3.2-18]; a list that was not checked is cut off where it stops making sense.
 */
export function copyForwarded(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  let length = 0;
  let at = start;
  while (at < end) {
    const next = endOfProperty(bytes, at);
    if (next > end) break;
    const id = bytes[at]!;
    if (id !== MESSAGE_EXPIRY_ID && id !== SUBSCRIPTION_IDENTIFIER_ID && id !== TOPIC_ALIAS_ID) {
      copy.set(bytes.subarray(at, next), length);
      length += next - at;
    }
    at = next;
  }
  return copy.subarray(0, length);
}

function endOfProperty(bytes: Uint8Array, start: number): number {
  const at = start + 1;
  switch (PROPERTY_ROWS[bytes[start]!]?.kind) {
    case PropertyKind.Flag:
      return at + 1;
    case PropertyKind.TwoBytes:
      return at + 2;
    case PropertyKind.FourBytes:
      return at + 4;
    case PropertyKind.Text:
    case PropertyKind.Binary:
      return endOfField(bytes, at);
    case PropertyKind.TextPair:
      return endOfField(bytes, endOfField(bytes, at));
    case PropertyKind.VariableByteInteger: {
      let last = at;
      while (last < at + 3 && (bytes[last] ?? 0) >= 0x80) last++;
      return last + 1;
    }
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** End of a field that begins with its length; beyond the bytes when they are cut short. */
function endOfField(bytes: Uint8Array, at: number): number {
  const high = bytes[at];
  const low = bytes[at + 1];
  return high === undefined || low === undefined ? Number.POSITIVE_INFINITY : at + 2 + ((high << 8) | low);
}
