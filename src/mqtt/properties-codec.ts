/** Property lists between bytes and objects: a check that allocates nothing, a reader for what passed, and the writer. */
import type { Fault } from './fault.ts';
import {
  PropertiesTruncated,
  PropertyUnknown,
  ResponseTopicEmpty,
  ResponseTopicHasWildcard,
  TooManyUserProperties,
  TopicHasWildcard,
  VariableByteIntegerNotMinimal,
  VariableByteIntegerTooLong,
} from './faults.ts';
import { NO_PROPERTIES, type Properties } from './properties.ts';
import { PROPERTY_ROW_OF, PROPERTY_ROWS, PropertyKind } from './properties-table.ts';
import type { PublishView } from './publish-view.ts';
import type { DecodeRules } from './rules.ts';
import { checkText, checkTopicBytes, copyOf, textOf } from './utf8.ts';
import { binarySize, textSize, variableByteIntegerSize, type Writer } from './writer.ts';

const MESSAGE_EXPIRY_ID = 0x02;
const RESPONSE_TOPIC_ID = 0x08;
const TOPIC_ALIAS_ID = 0x23;

/**
 * Checks the whole of a property list, `bytes[start..end)` without its length: identifiers, where they may stand, repetition,
 * ranges, text. With a `view` (PUBLISH) it also notes the topic alias and the message expiry there. Allocates nothing.
 */
export function scanProperties(
  bytes: Uint8Array,
  start: number,
  end: number,
  context: number,
  rules: DecodeRules,
  view: PublishView | undefined,
): Fault | undefined {
  const strict = rules.rejectControlCharacters;
  let userPropertiesLeft = rules.userPropertiesMax;
  let seen = 0;
  let at = start;
  while (at < end) {
    const id = bytes[at++]!;
    // All identifiers fit one byte; one with the high bit would be an overlong or an unknown one.
    const row = id < PROPERTY_ROWS.length ? PROPERTY_ROWS[id] : undefined;
    if (row === undefined) return PropertyUnknown;
    if ((row.contexts & context) === 0) return row.notAllowed(context);
    if ((seen & row.bit) !== 0 && (row.repeatsIn & context) === 0) return row.repeated;
    seen |= row.bit;
    switch (row.kind) {
      case PropertyKind.Flag:
        if (at >= end) return PropertiesTruncated;
        if (bytes[at++]! > 1) return row.outOfRange;
        break;
      case PropertyKind.TwoBytes: {
        if (at + 2 > end) return PropertiesTruncated;
        const value = (bytes[at]! << 8) | bytes[at + 1]!;
        if (value === 0 && row.nonZero) return row.outOfRange;
        if (id === TOPIC_ALIAS_ID && view !== undefined) view.topicAlias = value;
        at += 2;
        break;
      }
      case PropertyKind.FourBytes: {
        if (at + 4 > end) return PropertiesTruncated;
        const value = u32(bytes, at);
        if (value === 0 && row.nonZero) return row.outOfRange;
        if (id === MESSAGE_EXPIRY_ID && view !== undefined) view.messageExpiryIntervalS = value;
        at += 4;
        break;
      }
      case PropertyKind.VariableByteInteger: {
        const from = at;
        do {
          if (at >= end) return PropertiesTruncated;
          if (at - from === 4) return VariableByteIntegerTooLong;
        } while (bytes[at++]! >= 0x80);
        if (at - from > 4) return VariableByteIntegerTooLong;
        if (bytes[at - 1] === 0) return at - from > 1 ? VariableByteIntegerNotMinimal : row.outOfRange; // [MQTT-1.5.5-1]
        break;
      }
      case PropertyKind.Text:
      case PropertyKind.Binary: {
        if (at + 2 > end) return PropertiesTruncated;
        const from = at + 2;
        at = from + ((bytes[at]! << 8) | bytes[at + 1]!);
        if (at > end) return PropertiesTruncated;
        if (row.kind === PropertyKind.Binary) break;
        if (id === RESPONSE_TOPIC_ID) {
          if (from === at) return ResponseTopicEmpty; // [MQTT-4.7.3-1]
          const fault = checkTopicBytes(bytes, from, at, strict); // [MQTT-3.3.2-13]
          if (fault !== undefined) return fault === TopicHasWildcard ? ResponseTopicHasWildcard : fault; // [MQTT-3.3.2-14]
        } else {
          const fault = checkText(bytes, from, at, strict);
          if (fault !== undefined) return fault;
        }
        break;
      }
      case PropertyKind.TextPair:
        if (--userPropertiesLeft < 0) return TooManyUserProperties;
        // Both halves are strings in their own right [MQTT-1.5.7-1].
        for (let half = 0; half < 2; half++) {
          if (at + 2 > end) return PropertiesTruncated;
          const from = at + 2;
          at = from + ((bytes[at]! << 8) | bytes[at + 1]!);
          if (at > end) return PropertiesTruncated;
          const fault = checkText(bytes, from, at, strict);
          if (fault !== undefined) return fault;
        }
        break;
    }
  }
  return undefined;
}

function u32(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
}

/** The objects of a list that `scanProperties` has passed; everything in them is a copy. */
export function readProperties(bytes: Uint8Array, start: number, end: number): Properties {
  if (start === end) return NO_PROPERTIES;
  const properties: Properties = {};
  const byKey: Record<string, unknown> = properties as Record<string, unknown>;
  let at = start;
  while (at < end) {
    const row = PROPERTY_ROWS[bytes[at++]!]!;
    switch (row.kind) {
      case PropertyKind.Flag: {
        const value = bytes[at++]!;
        // Two of them are numbers by nature; the rest are yes or no.
        const isNumber = row.key === 'payloadFormatIndicator' || row.key === 'maximumQos';
        byKey[row.key] = isNumber ? value : value === 1;
        break;
      }
      case PropertyKind.TwoBytes:
        byKey[row.key] = (bytes[at]! << 8) | bytes[at + 1]!;
        at += 2;
        break;
      case PropertyKind.FourBytes:
        byKey[row.key] = u32(bytes, at);
        at += 4;
        break;
      case PropertyKind.VariableByteInteger: {
        let value = 0;
        let shift = 0;
        let byte: number;
        do {
          byte = bytes[at++]!;
          value |= (byte & 0x7f) << shift;
          shift += 7;
        } while (byte >= 0x80);
        properties.subscriptionIdentifiers ??= [];
        properties.subscriptionIdentifiers.push(value);
        break;
      }
      case PropertyKind.Text: {
        const from = at + 2;
        at = from + ((bytes[at]! << 8) | bytes[at + 1]!);
        byKey[row.key] = textOf(bytes, from, at);
        break;
      }
      case PropertyKind.Binary: {
        const from = at + 2;
        at = from + ((bytes[at]! << 8) | bytes[at + 1]!);
        byKey[row.key] = copyOf(bytes, from, at);
        break;
      }
      case PropertyKind.TextPair: {
        const nameFrom = at + 2;
        const nameTo = nameFrom + ((bytes[at]! << 8) | bytes[at + 1]!);
        const valueFrom = nameTo + 2;
        at = valueFrom + ((bytes[nameTo]! << 8) | bytes[nameTo + 1]!);
        // Order is kept [MQTT-3.3.2-18] [MQTT-3.1.3-10].
        properties.userProperties ??= [];
        properties.userProperties.push([textOf(bytes, nameFrom, nameTo), textOf(bytes, valueFrom, at)]);
        break;
      }
    }
  }
  return properties;
}

/** How many bytes a property list takes, without its length. */
export function propertiesSize(properties: Properties): number {
  if (properties === NO_PROPERTIES) return 0;
  let size = 0;
  for (const key in properties) {
    const value: unknown = properties[key as keyof Properties];
    const row = PROPERTY_ROW_OF[key as keyof Properties];
    if (value === undefined) continue;
    switch (row.kind) {
      case PropertyKind.Flag:
        size += 2;
        break;
      case PropertyKind.TwoBytes:
        size += 3;
        break;
      case PropertyKind.FourBytes:
        size += 5;
        break;
      case PropertyKind.VariableByteInteger:
        for (const identifier of value as number[]) size += 1 + variableByteIntegerSize(identifier);
        break;
      case PropertyKind.Text:
        size += 1 + textSize(value as string);
        break;
      case PropertyKind.Binary:
        size += 1 + binarySize(value as Uint8Array);
        break;
      case PropertyKind.TextPair:
        for (const [name, text] of value as [string, string][]) size += 1 + textSize(name) + textSize(text);
        break;
    }
  }
  return size;
}

/** How many bytes a list of `size` takes with its length. */
export function listSize(size: number): number {
  return variableByteIntegerSize(size) + size;
}

/** Writes a property list behind its length `size`, which `propertiesSize` has told; none is a zero [MQTT-2.2.2-1]. */
export function writeProperties(writer: Writer, properties: Properties, size: number): void {
  writer.variableByteInteger(size);
  if (size === 0) return;
  for (const key in properties) {
    const value: unknown = properties[key as keyof Properties];
    const row = PROPERTY_ROW_OF[key as keyof Properties];
    if (value === undefined) continue;
    switch (row.kind) {
      case PropertyKind.Flag:
        writer.u8(row.id);
        writer.u8(Number(value));
        break;
      case PropertyKind.TwoBytes:
        writer.u8(row.id);
        writer.u16(value as number);
        break;
      case PropertyKind.FourBytes:
        writer.u8(row.id);
        writer.u32(value as number);
        break;
      case PropertyKind.VariableByteInteger:
        for (const identifier of value as number[]) {
          writer.u8(row.id);
          writer.variableByteInteger(identifier);
        }
        break;
      case PropertyKind.Text:
        writer.u8(row.id);
        writer.text(value as string);
        break;
      case PropertyKind.Binary:
        writer.u8(row.id);
        writer.binary(value as Uint8Array);
        break;
      case PropertyKind.TextPair:
        for (const [name, text] of value as [string, string][]) {
          writer.u8(row.id);
          writer.text(name);
          writer.text(text);
        }
        break;
    }
  }
}
