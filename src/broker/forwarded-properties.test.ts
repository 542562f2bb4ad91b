import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Properties } from '../mqtt/properties.ts';
import { propertiesSize, writeProperties } from '../mqtt/properties-codec.ts';
import { variableByteIntegerSize, Writer } from '../mqtt/writer.ts';
import { copyForwarded, decodeForwarded, encodeForwarded } from './forwarded-properties.ts';

const FORWARDED: Properties = {
  payloadFormatIndicator: 1,
  contentType: 'text/plain',
  responseTopic: 'answers/größe',
  correlationData: Uint8Array.of(0, 255),
  userProperties: [
    ['a', '1'],
    ['a', '2'],
    ['', ''],
  ],
};

function encoded(properties: Properties): Uint8Array {
  const size = propertiesSize(properties);
  const writer = new Writer();
  writer.bytes = Buffer.alloc(size + variableByteIntegerSize(size));
  writeProperties(writer, properties, size);
  return writer.bytes.subarray(variableByteIntegerSize(size));
}

test('[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20] what travels with a message survives encoding', () => {
  assert.deepEqual(decodeForwarded(encodeForwarded(FORWARDED)), FORWARDED);
});

test('what the server sets itself is not taken over from a stored message or a Will', () => {
  const properties = { ...FORWARDED, messageExpiryIntervalS: 5, topicAlias: 2, willDelayIntervalS: 9 };
  assert.deepEqual(decodeForwarded(encodeForwarded(properties)), FORWARDED);
});

test('[MQTT-3.3.2-18] the publisher’s alias, expiry and identifiers are cut out, and the rest keeps its order', () => {
  const properties: Properties = {
    userProperties: [['first', '1']],
    topicAlias: 3,
    contentType: 'x',
    messageExpiryIntervalS: 60,
    subscriptionIdentifiers: [1, 300],
    payloadFormatIndicator: 0,
  };
  const bytes = encoded(properties);
  const copy = copyForwarded(bytes, 0, bytes.length);
  const expected: Properties = { userProperties: [['first', '1']], contentType: 'x', payloadFormatIndicator: 0 };
  assert.deepEqual(Buffer.from(copy), Buffer.from(encoded(expected)));
});

test('a property list that nobody checked is cut off where it stops making sense, and nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const copy = copyForwarded(bytes, 0, bytes.length);
      assert.ok(copy.length <= bytes.length);
    }),
  );
});
