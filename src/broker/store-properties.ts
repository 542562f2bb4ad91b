/**
 * A message's properties as bytes on disk: the property list of MQTT 5 as it stands on the wire, without its length
 * [MQTT5 2.2.2], which no version of ours can change.
 */

import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import { listSize, propertiesSize, readProperties, scanProperties, writeProperties } from '../mqtt/properties-codec.ts';
import { PropertyContext } from '../mqtt/properties-table.ts';
import { DEFAULT_RULES } from '../mqtt/rules.ts';
import { Writer } from '../mqtt/writer.ts';

/** What a message may carry, and what a Will may. */
const AT_REST = PropertyContext.PublishByServer | PropertyContext.Will;

/** Undefined when there are none. */
export function encodeProperties(properties: Properties): Uint8Array | undefined {
  if (properties === NO_PROPERTIES) return undefined;
  const size = propertiesSize(properties);
  if (size === 0) return undefined;
  const writer = new Writer();
  writer.bytes = Buffer.allocUnsafe(listSize(size));
  writeProperties(writer, properties, size);
  return writer.bytes.subarray(listSize(size) - size);
}

/** Undefined when the bytes are damaged. */
export function decodeProperties(bytes: Uint8Array): Properties | undefined {
  const fault = scanProperties(bytes, 0, bytes.length, AT_REST, DEFAULT_RULES, undefined);
  return fault === undefined ? readProperties(bytes, 0, bytes.length) : undefined;
}
