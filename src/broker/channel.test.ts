import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, textOf } from '../../test/kit/broker-client.ts';

test('[MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-11] aliases are used as far as the client allows, first come, first served', async () => {
  const bench = await makeBench({ topicAliasesMax: 2 });
  const publisher = bench.client('p');
  for (const [topicAliasMaximum, usable] of [
    [0, 0],
    [1, 1],
    [100, 2],
  ] as const) {
    const client = bench.client('c', 5, { properties: { topicAliasMaximum } });
    client.subscribe('#');
    for (let round = 0; round < 2; round++) for (const topic of ['a', 'b', 'c']) publisher.publish(topic, 'x');
    const aliases = client.take().map(({ properties }) => properties.topicAlias ?? 0);
    const expected = [1, 2, 0].map((alias) => (alias <= usable ? alias : 0));
    assert.deepEqual(aliases, [...expected, ...expected]);
  }
  const silent = bench.client('d', 5);
  silent.subscribe('#');
  publisher.publish('a', 'x');
  assert.equal(silent.take()[0]!.properties.topicAlias, undefined);
});

test('[MQTT-3.3.2-7] aliases do not outlive the connection, and the publisher’s own are not passed on', async () => {
  const bench = await makeBench();
  const init = { cleanStart: false, properties: { sessionExpiryIntervalS: 60, topicAliasMaximum: 5 } };
  const first = bench.client('c', 5, init);
  first.subscribe([{ filter: 'a', qos: 1 }]);
  const publisher = bench.client('p');
  publisher.publish('a', 'x', { qos: 1, properties: { topicAlias: 9 } });
  assert.equal(first.take()[0]!.properties.topicAlias, 1);
  first.lose();
  // The client of this test keeps its aliases for one connection, so an alias alone would have no topic.
  const second = bench.client('c', 5, init);
  assert.deepEqual(second.texts(), ['a=x']);
});

test('[MQTT-3.1.2-24] [MQTT-3.1.2-25] what is larger than a client takes counts as delivered, and only for that client', async () => {
  const bench = await makeBench();
  const small = bench.client('s', 5, { properties: { maximumPacketSizeBytes: 40, receiveMaximum: 1 } });
  const large = bench.client('l', 5);
  for (const client of [small, large]) client.subscribe([{ filter: 't', qos: 2 }]);
  const publisher = bench.client('p');
  for (const qos of [0, 1, 2] as const) {
    publisher.publish('t', 'x'.repeat(100), { qos });
    assert.equal(publisher.acks.at(-1)?.reasonCode ?? 0, 0);
  }
  publisher.publish('t', 'fits', { qos: 1 });
  assert.deepEqual(small.texts(), ['t=fits'], 'no place in the window was taken');
  assert.equal(large.take().length, 4);
});

test('a queued message that is too large for the client that comes for it is left out', async () => {
  const bench = await makeBench();
  const init = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };
  const first = bench.client('c', 5, init);
  first.subscribe([{ filter: 't', qos: 2 }]);
  const publisher = bench.client('p');
  publisher.publish('t', `under way ${'x'.repeat(100)}`, { qos: 2 });
  first.lose();
  publisher.publish('t', `queued ${'x'.repeat(100)}`, { qos: 1 });
  publisher.publish('t', 'small', { qos: 1 });
  const second = bench.client('c', 5, { ...init, properties: { ...init.properties, maximumPacketSizeBytes: 40 } });
  assert.deepEqual(second.texts(), ['t=small']);
});

test('an alias is not introduced where it would make a packet too large', async () => {
  const bench = await makeBench();
  const publisher = bench.client('p');
  const sizes = [20, 21, 22, 23, 24, 25];
  for (const maximumPacketSizeBytes of sizes) {
    const client = bench.client('c', 5, { properties: { maximumPacketSizeBytes, topicAliasMaximum: 5 } });
    client.subscribe('topic/one');
    // 1 + 1 + 2 + 9 + 1 + 6 bytes, and 3 more with an alias.
    publisher.publish('topic/one', '123456');
    publisher.publish('topic/one', '123456');
    const aliases = client.take().map((one) => [textOf(one), one.properties.topicAlias]);
    const alias = maximumPacketSizeBytes >= 23 ? 1 : undefined;
    assert.deepEqual(aliases, [
      ['123456', alias],
      ['123456', alias],
    ]);
  }
});
