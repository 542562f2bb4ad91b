import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BrokerClient, type ClientInit, makeBench } from '../../test/kit/broker-client.ts';

const lasting: ClientInit = { cleanStart: false, properties: { sessionExpiryIntervalS: 60 } };

const join = (client: BrokerClient, qos: 0 | 1 | 2 = 2, filter = '$share/g/t'): BrokerClient => {
  client.subscribe([{ filter, qos }]);
  return client;
};

function send(publisher: BrokerClient, count: number, qos: 0 | 1 | 2 = 1): void {
  for (let i = 0; i < count; i++) publisher.publish('t', `${i}`, { qos });
}

test('each message of a shared subscription goes to one member, and all get as much', async () => {
  const bench = await makeBench();
  const members = [3, 4, 5].map((version, i) => join(bench.client(`m${i}`, version as 3 | 4 | 5)));
  const loner = join(bench.client('l'), 2, 't');
  const other = join(bench.client('o'), 2, '$share/h/t');
  send(bench.client('p'), 30, 0);
  for (const member of members) assert.equal(member.take().length, 10);
  assert.equal(loner.take().length, 30);
  assert.equal(other.take().length, 30);
});

test('who is in a group and also subscribed gets both', async () => {
  const bench = await makeBench();
  const client = bench.client('c');
  client.subscribe(['$share/g/t'], { subscriptionIdentifiers: [1] });
  client.subscribe(['t'], { subscriptionIdentifiers: [2] });
  send(bench.client('p'), 1, 0);
  assert.deepEqual(
    client.take().map(({ properties }) => properties.subscriptionIdentifiers),
    [[2], [1]],
  );
});

test('[MQTT-4.8.2-3] the member’s own QoS is respected', async () => {
  const bench = await makeBench();
  const zero = join(bench.client('a'), 0);
  const two = join(bench.client('b'), 2);
  send(bench.client('p'), 4, 2);
  assert.deepEqual(
    zero.take().map(({ qos }) => qos),
    [0, 0],
  );
  assert.deepEqual(
    two.take().map(({ qos }) => qos),
    [2, 2],
  );
});

test('retained messages do not go to shared subscriptions', async () => {
  const bench = await makeBench();
  bench.client('p').publish('t', 'x', { retain: true });
  const member = join(bench.client('m'));
  assert.deepEqual(member.take(), []);
});

test('a member that can take a message at once goes before one that cannot', async () => {
  const bench = await makeBench();
  const full = join(bench.client('a', 5, { properties: { receiveMaximum: 1 } }));
  const slow = join(bench.client('b'));
  slow.room = 1;
  const free = join(bench.client('c'));
  send(bench.client('p'), 12);
  assert.equal(full.deliveries.length, 1);
  assert.equal(slow.deliveries.length, 1);
  assert.equal(free.deliveries.length, 10);
});

test('a member that is connected goes before one that is away; when all are away one session keeps it', async () => {
  const bench = await makeBench();
  const away = join(bench.client('a', 5, lasting));
  away.lose();
  const here = join(bench.client('b', 5, { acknowledges: true }));
  const publisher = bench.client('p');
  send(publisher, 3);
  assert.equal(here.take().length, 3);
  here.lose();
  send(publisher, 2);
  send(publisher, 2, 0);
  assert.equal(bench.client('a', 5, lasting).take().length, 2, 'QoS 0 waits for nobody');
});

test('a message that nobody of the group can take is nobody’s', async () => {
  const bench = await makeBench();
  join(bench.client('a', 5, lasting), 0).lose();
  const publisher = bench.client('p');
  send(publisher, 1);
  assert.equal(publisher.acks[0]!.reasonCode, 0x10);
});

test('[MQTT-4.8.2-4] [MQTT-4.8.2-5] what a member had to get goes to another when its session ends, except a QoS 2 message under way', async () => {
  const bench = await makeBench({ inflightMax: 2 });
  const member = join(bench.client('a', 5, lasting));
  const publisher = bench.client('p');
  publisher.publish('t', 'two under way', { qos: 2 });
  publisher.publish('t', 'one under way', { qos: 1 });
  publisher.publish('t', 'two queued', { qos: 2 });
  publisher.publish('t', 'one queued', { qos: 1 });
  const other = join(bench.client('b', 5, { acknowledges: true }));
  member.lose();
  assert.deepEqual(other.take(), [], 'the session may come back');
  const back = bench.client('a', 5, lasting);
  assert.equal(back.take()[0]!.qos, 2, 'and is given what it had begun to get');
  back.lose();
  bench.clock.advance(60_000);
  assert.deepEqual(other.texts(), ['t=one under way', 't=two queued', 't=one queued']);
});

test('a member whose session lasts no longer than its connection hands over at once', async () => {
  const bench = await makeBench();
  const member = join(bench.client('a', 4));
  send(bench.client('p'), 2);
  const other = join(bench.client('b'));
  member.lose();
  assert.deepEqual(other.texts(), ['t=0', 't=1']);
});

test('[MQTT-4.8.2-6] a message that a member refuses goes to nobody else', async () => {
  const bench = await makeBench();
  const member = join(bench.client('a', 5, lasting));
  send(bench.client('p'), 1, 2);
  const other = join(bench.client('b'));
  member.pubrec(member.deliveries[0]!.packetId, 0x80);
  member.disconnect(0, { sessionExpiryIntervalS: 0 });
  assert.deepEqual(other.take(), []);
});

test('leaving the group ends the deliveries, and an empty group is gone', async () => {
  const bench = await makeBench();
  const member = join(bench.client('a'));
  assert.deepEqual(member.unsubscribe('$share/h/t', '$share/g/t', '$share/g/t'), [0x11, 0, 0x11]);
  const publisher = bench.client('p');
  send(publisher, 1);
  assert.deepEqual(member.take(), []);
  assert.equal(publisher.acks[0]!.reasonCode, 0x10);
  assert.equal(bench.broker.stats().subscriptions, 0);
});
