import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Properties } from './properties.ts';
import { PROPERTY_ROW_OF, PROPERTY_ROWS, PropertyContext, PropertyKind } from './properties-table.ts';

/** Table 2-4 of the specification, typed anew: identifier, wire type, places. Ack stands for PUBACK to PUBCOMP. */
const TABLE_2_4 = `
  01 Flag                payloadFormatIndicator            Publish Will
  02 FourBytes           messageExpiryIntervalS            Publish Will
  03 Text                contentType                       Publish Will
  08 Text                responseTopic                     Publish Will
  09 Binary              correlationData                   Publish Will
  0b VariableByteInteger subscriptionIdentifiers           Publish Subscribe
  11 FourBytes           sessionExpiryIntervalS            Connect Connack Disconnect
  12 Text                assignedClientIdentifier          Connack
  13 TwoBytes            serverKeepAliveS                  Connack
  15 Text                authenticationMethod              Connect Connack Auth
  16 Binary              authenticationData                Connect Connack Auth
  17 Flag                requestProblemInformation         Connect
  18 FourBytes           willDelayIntervalS                Will
  19 Flag                requestResponseInformation        Connect
  1a Text                responseInformation               Connack
  1c Text                serverReference                   Connack Disconnect
  1f Text                reasonString                      Connack Ack Suback Unsuback Disconnect Auth
  21 TwoBytes            receiveMaximum                    Connect Connack
  22 TwoBytes            topicAliasMaximum                 Connect Connack
  23 TwoBytes            topicAlias                        Publish
  24 Flag                maximumQos                        Connack
  25 Flag                retainAvailable                   Connack
  26 TextPair            userProperties                    Connect Connack Publish Will Ack Subscribe Suback Unsubscribe Unsuback Disconnect Auth
  27 FourBytes           maximumPacketSizeBytes            Connect Connack
  28 Flag                wildcardSubscriptionAvailable     Connack
  29 Flag                subscriptionIdentifiersAvailable  Connack
  2a Flag                sharedSubscriptionAvailable       Connack
`
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/) as [id: string, kind: string, key: string, ...places: string[]]);

const C = PropertyContext;
const BITS: Record<string, number> = {
  ...C,
  Publish: C.PublishByClient | C.PublishByServer,
  Disconnect: C.DisconnectByClient | C.DisconnectByServer,
};

test('the table has every property of the specification, with its type and its places', () => {
  assert.equal(PROPERTY_ROWS.filter((row) => row !== undefined).length, TABLE_2_4.length);
  for (const [id, kind, key, ...places] of TABLE_2_4) {
    const row = PROPERTY_ROWS[Number.parseInt(id, 16)]!;
    assert.equal(row, PROPERTY_ROW_OF[key as keyof Properties]);
    assert.equal(row.key, key);
    assert.equal(row.kind, PropertyKind[kind as keyof typeof PropertyKind], key);
    // Two places depend on who speaks: [MQTT-3.3.4-6] and [MQTT-3.14.2-2].
    let expected = places.reduce((bits, place) => bits | BITS[place]!, 0);
    if (key === 'subscriptionIdentifiers') expected &= ~C.PublishByClient;
    if (key === 'sessionExpiryIntervalS') expected &= ~C.DisconnectByServer;
    assert.equal(row.contexts, expected, key);
  }
});

test('only user properties repeat everywhere, and subscription identifiers in what a server publishes', () => {
  for (const row of Object.values(PROPERTY_ROW_OF)) {
    const expected =
      row.key === 'userProperties' ? row.contexts : row.key === 'subscriptionIdentifiers' ? C.PublishByServer : 0;
    assert.equal(row.repeatsIn, expected, row.key);
  }
});

test('the properties that may not be 0 are the four of the specification', () => {
  assert.deepEqual(
    Object.values(PROPERTY_ROW_OF)
      .filter((row) => row.nonZero)
      .map((row) => row.key)
      .sort(),
    ['maximumPacketSizeBytes', 'receiveMaximum', 'subscriptionIdentifiers', 'topicAlias'],
  );
});

test('every property has a bit of its own', () => {
  const bits = Object.values(PROPERTY_ROW_OF).map((row) => row.bit);
  assert.equal(new Set(bits).size, TABLE_2_4.length);
  assert.equal(
    bits.reduce((all, bit) => all | bit, 0),
    2 ** TABLE_2_4.length - 1,
  );
});

test('a fault that concerns a property names it', () => {
  assert.match(PROPERTY_ROW_OF.receiveMaximum.repeated.says, /^Receive Maximum appears twice/);
  assert.match(PROPERTY_ROW_OF.receiveMaximum.outOfRange.says, /^Receive Maximum must not be zero/);
  assert.match(PROPERTY_ROW_OF.maximumQos.outOfRange.says, /^Maximum QoS must be 0 or 1/);
  assert.match(PROPERTY_ROW_OF.maximumQos.notAllowed(C.Connect).says, /^Maximum QoS is not allowed/);
});
