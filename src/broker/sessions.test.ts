import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBench, textOf } from '../../test/kit/broker-client.ts';
import { Reason, ReturnCode } from '../mqtt/reason.ts';
import { SESSION_EXPIRY_NEVER_S } from '../mqtt/wire.ts';
import { MemoryStore } from './store-memory.ts';

const lasting = (expiryS: number) => ({ cleanStart: false, properties: { sessionExpiryIntervalS: expiryS } });

test('[MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT311-3.1.4-4] [MQTT311-3.2.0-1] a client is accepted, and CONNACK comes first', async () => {
  const bench = await makeBench();
  for (const version of [3, 4, 5] as const) {
    const client = bench.client(`c${version}`, version);
    assert.equal(client.connackPacket?.reasonCode, 0);
    assert.equal(client.connackPacket?.sessionPresent, false);
    assert.deepEqual(client.log, ['CONNACK']);
  }
  assert.equal(bench.broker.stats().connected, 3);
});

test('[MQTT-3.1.2-5] [MQTT-3.2.2-3] [MQTT311-3.1.2-4] [MQTT311-3.2.2-2] a session that lasts is there for the client that comes back', async () => {
  const bench = await makeBench();
  for (const version of [4, 5] as const) {
    const first = bench.client(`c${version}`, version, lasting(60));
    assert.equal(first.connackPacket?.sessionPresent, false);
    first.subscribe([{ filter: `t${version}`, qos: 1 }]);
    first.lose();
    bench.client('pub').publish(`t${version}`, 'while away', { qos: 1 });
    const second = bench.client(`c${version}`, version, lasting(60));
    assert.equal(second.connackPacket?.sessionPresent, true);
    assert.deepEqual(second.log, ['CONNACK', `PUBLISH t${version}`]);
    assert.equal(second.deliveries[0]!.dup, false, 'it was never sent before');
  }
});

test('a 3.1 client, whose CONNACK has no such flag, finds its session as well', async () => {
  const bench = await makeBench();
  bench.client('c', 3, { cleanStart: false }).subscribe([{ filter: 't', qos: 1 }]);
  const second = bench.client('c', 3, { cleanStart: false });
  assert.equal(second.connackPacket?.sessionPresent, false);
  bench.client('pub').publish('t', 'x', { qos: 1 });
  assert.deepEqual(second.texts(), ['t=x']);
});

test('[MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT-3.1.4-4] [MQTT311-3.1.2-6] [MQTT311-3.2.2-1] a clean start discards what there was', async () => {
  const bench = await makeBench();
  for (const version of [4, 5] as const) {
    bench.client('c', version, lasting(60)).subscribe('t');
    const clean = bench.client('c', version);
    assert.equal(clean.connackPacket?.sessionPresent, false);
    bench.client('pub').publish('t');
    assert.deepEqual(clean.texts(), []);
  }
  assert.equal(bench.broker.stats().subscriptions, 0);
});

test('[MQTT-3.1.2-6] [MQTT311-3.2.2-3] without a session Session Present is 0, also for who asks to go on', async () => {
  const bench = await makeBench();
  assert.equal(bench.client('c', 5, lasting(60)).connackPacket?.sessionPresent, false);
  assert.equal(bench.client('d', 4, { cleanStart: false }).connackPacket?.sessionPresent, false);
});

test('[MQTT-3.1.2-23] [MQTT-4.1.0-1] [MQTT-4.1.0-2] a session lasts as long as its expiry says, and not a second longer', async () => {
  const bench = await makeBench();
  const first = bench.client('c', 5, lasting(10));
  bench.clock.advance(3_600_000);
  first.lose();
  bench.clock.advance(9_999);
  const second = bench.client('c', 5, lasting(10));
  assert.equal(second.connackPacket?.sessionPresent, true);
  second.lose();
  bench.clock.advance(10_000);
  assert.equal(bench.broker.stats().sessions, 0);
  assert.equal(bench.client('c', 5, lasting(10)).connackPacket?.sessionPresent, false);
});

test('[MQTT311-4.1.0-2] a session without expiry ends with its connection', async () => {
  const bench = await makeBench();
  bench.client('c', 5, { cleanStart: false }).lose();
  bench.client('d', 4).lose();
  assert.equal(bench.broker.stats().sessions, 0);
  assert.equal(bench.clock.pendingCount, 1, 'only the $SYS timer is left');
});

test('a session that never expires has no timer', async () => {
  const bench = await makeBench({ sessionExpiryMaxS: SESSION_EXPIRY_NEVER_S, sysIntervalS: 0 });
  const client = bench.client('c', 5, lasting(SESSION_EXPIRY_NEVER_S));
  assert.equal(client.connackPacket?.properties.sessionExpiryIntervalS, undefined);
  client.lose();
  assert.equal(bench.clock.pendingCount, 0);
  bench.clock.advance(100 * 365 * 86_400_000);
  assert.equal(bench.client('c', 5, lasting(1)).connackPacket?.sessionPresent, true);
});

test('an expiry above the ceiling is shortened, and the client is told', async () => {
  const bench = await makeBench({ sessionExpiryMaxS: 100 });
  const client = bench.client('c', 5, lasting(1_000));
  assert.equal(client.connackPacket?.properties.sessionExpiryIntervalS, 100);
  client.lose();
  bench.clock.advance(100_000);
  assert.equal(bench.broker.stats().sessions, 0);
});

test('Clean Session 0 of 3.1.1 lasts as long as the ceiling says', async () => {
  const bench = await makeBench({ sessionExpiryMaxS: 100 });
  bench.client('c', 4, { cleanStart: false }).disconnect();
  bench.clock.advance(99_999);
  assert.equal(bench.broker.stats().sessions, 1);
  bench.clock.advance(1);
  assert.equal(bench.broker.stats().sessions, 0);
});

test('a DISCONNECT can change the expiry, except from nothing', async () => {
  const bench = await makeBench();
  bench.client('c', 5, lasting(10)).disconnect(0, { sessionExpiryIntervalS: 60 });
  bench.clock.advance(59_000);
  assert.equal(bench.broker.stats().sessions, 1);
  const again = bench.client('c', 5, lasting(10));
  assert.equal(again.connackPacket?.sessionPresent, true);
  again.disconnect(0, { sessionExpiryIntervalS: 0 });
  assert.equal(bench.broker.stats().sessions, 0);
  const watcher = bench.client('w');
  watcher.subscribe('will');
  bench.client('d', 5, { will: { topic: 'will' } }).disconnect(0, { sessionExpiryIntervalS: 60 });
  assert.equal(bench.broker.stats().sessions, 1, 'only the watcher');
  assert.equal(watcher.take().length, 1, 'what is no valid DISCONNECT leaves the Will in force');
});

test('a session that was resumed without expiry ends with that connection', async () => {
  const bench = await makeBench();
  bench.client('c', 5, lasting(60)).lose();
  const second = bench.client('c', 5, { cleanStart: false });
  assert.equal(second.connackPacket?.sessionPresent, true);
  second.lose();
  assert.equal(bench.broker.stats().sessions, 0);
});

// --- takeover ---

test('[MQTT-3.1.4-3] [MQTT311-3.1.4-2] a second connection of the same client takes the session over, and the first hears 0x8E', async () => {
  const bench = await makeBench();
  const first = bench.client('c', 5, lasting(60));
  first.subscribe([{ filter: 't', qos: 1 }]);
  const second = bench.client('c', 5, lasting(60));
  assert.equal(first.closedWith?.reasonCode, Reason.SessionTakenOver);
  assert.equal(second.connackPacket?.sessionPresent, true);
  first.lose();
  first.publish('t', 'from the grave', { qos: 1 });
  first.subscribe('other');
  bench.client('pub').publish('t', 'x', { qos: 1 });
  assert.deepEqual(first.texts(), []);
  assert.deepEqual(second.texts(), ['t=x']);
  assert.equal(bench.broker.stats().connected, 2);
});

test('a session without expiry that is taken over has ended: the newcomer gets a new one', async () => {
  const bench = await makeBench();
  const first = bench.client('c', 4);
  first.subscribe('t');
  const second = bench.client('c', 4, { cleanStart: false });
  assert.equal(first.isClosed, true);
  assert.equal(second.connackPacket?.sessionPresent, false);
  assert.equal(bench.broker.stats().subscriptions, 0);
});

test('[MQTT-3.1.3-8] [MQTT-3.2.2-6] [MQTT-3.1.4-6] [MQTT311-3.1.3-9] [MQTT311-3.2.2-4] another owner’s client identifier is refused, and its session stays untouched', async () => {
  const bench = await makeBench();
  const victim = bench.client('c', 5, { ...lasting(60), owner: 'alice' });
  victim.subscribe('t');
  const thief = bench.client('c', 5, { cleanStart: true, owner: 'mallory' });
  assert.equal(thief.connackPacket?.reasonCode, Reason.ClientIdentifierNotValid);
  assert.match(thief.connackPacket?.properties.reasonString ?? '', /another user/);
  assert.equal(bench.client('c', 4, { owner: 'mallory' }).connackPacket?.reasonCode, ReturnCode.IdentifierRejected);
  thief.publish('t', 'stolen', { qos: 1 });
  thief.subscribe('#');
  thief.lose();
  assert.deepEqual(thief.log, ['CONNACK']);
  bench.client('pub').publish('t', 'x');
  assert.deepEqual(victim.texts(), ['t=x']);
  victim.lose();
  const later = bench.client('c', 5, { owner: 'mallory' });
  assert.equal(later.connackPacket?.reasonCode, Reason.ClientIdentifierNotValid, 'also while the owner is away');
  const back = bench.client('c', 5, { ...lasting(60), owner: 'alice' });
  assert.equal(back.connackPacket?.sessionPresent, true);
});

test('at the ceiling of sessions a client that needs a new one is refused, and who has one is not', async () => {
  const bench = await makeBench({ sessionsMax: 2 });
  bench.client('a', 5, lasting(60)).lose();
  bench.client('b', 4);
  const refused = bench.client('c', 5);
  assert.equal(refused.connackPacket?.reasonCode, Reason.QuotaExceeded);
  assert.equal(bench.client('d', 4).connackPacket?.reasonCode, ReturnCode.ServerUnavailable);
  assert.equal(bench.client('a', 5, lasting(60)).connackPacket?.sessionPresent, true);
  assert.equal(bench.client('b', 4).connackPacket?.reasonCode, 0);
  const told = bench.events.filter((event) => event.name === 'ceiling.reached');
  assert.deepEqual(
    told.map((event) => event.ceiling),
    ['broker.sessionsMax'],
  );
});

test('[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT311-3.1.3-6] an empty client identifier gets a new one that nobody has', async () => {
  const bench = await makeBench();
  // The bench's chance always says the same, so the identifier that it makes first is in use the second time.
  let below = 0;
  const varied = await makeBench({
    chance: { bytes: (length) => Buffer.alloc(length), below: (max) => below++ % max },
  });
  const first = varied.client('', 5);
  const second = varied.client('', 5);
  const assigned = [first, second].map((client) => client.connackPacket?.properties.assignedClientIdentifier);
  assert.ok(assigned[0] !== undefined && assigned[1] !== undefined && assigned[0] !== assigned[1]);
  assert.equal(varied.broker.stats().connected, 2);
  assert.equal(bench.client('', 4).connackPacket?.reasonCode, 0);
});

test('[MQTT311-3.1.3-8] an empty client identifier with Clean Session 0 is refused with return code 2', async () => {
  const bench = await makeBench();
  const client = bench.client('', 4, { cleanStart: false });
  assert.equal(client.connackPacket?.reasonCode, ReturnCode.IdentifierRejected);
});

// --- Wills ---

const will = { topic: 'will', payload: 'gone' };

test('[MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT311-3.1.2-8] a Will is published when the connection breaks', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe([{ filter: 'will', qos: 2 }]);
  for (const version of [3, 4, 5] as const) {
    bench.client('c', version, { will: { ...will, qos: 1 } }).lose();
    const [message] = watcher.take();
    assert.equal(textOf(message!), 'gone');
    assert.equal(message!.qos, 1);
    assert.equal(message!.retain, false);
  }
});

test('[MQTT-3.1.2-10] [MQTT-3.14.4-3] [MQTT311-3.1.2-10] [MQTT311-3.14.4-3] a client that takes its leave has no Will', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe('will');
  for (const version of [4, 5] as const) bench.client('c', version, { will }).disconnect();
  bench.client('c', 5, { will }).disconnect(Reason.DisconnectWithWill);
  assert.equal(watcher.take().length, 1, 'only the one that asked for it with 0x04');
  bench.client('c', 5, { will }).disconnect(Reason.UnspecifiedError);
  assert.equal(watcher.take().length, 1);
});

test('[MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT311-3.1.2-16] [MQTT311-3.1.2-17] a Will is retained if it says so', async () => {
  const bench = await makeBench();
  bench.client('c', 5, { will: { ...will, retain: true } }).lose();
  bench.client('d', 5, { will: { ...will, topic: 'other' } }).lose();
  const watcher = bench.client('w');
  watcher.subscribe('#');
  assert.deepEqual(watcher.texts(), ['will=gone']);
});

test('[MQTT-3.1.3-9] a Will waits for its delay, to the second, and a client that is back in time has none', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe('will');
  const init = { ...lasting(60), will: { ...will, properties: { willDelayIntervalS: 5 } } };
  bench.client('c', 5, init).lose();
  bench.clock.advance(4_999);
  assert.equal(watcher.take().length, 0);
  bench.client('c', 5, init);
  bench.clock.advance(60_000);
  assert.equal(watcher.take().length, 0);
  bench.client('c', 5, init).lose();
  bench.clock.advance(5_000);
  assert.equal(watcher.take().length, 1);
  bench.clock.advance(60_000);
  assert.equal(watcher.take().length, 0, 'once');
});

test('a Will whose delay outlasts the session is published when the session ends', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe('will');
  const delayed = { ...will, properties: { willDelayIntervalS: 60 } };
  bench.client('a', 5, { ...lasting(5), will: delayed }).lose();
  bench.clock.advance(5_000);
  assert.equal(watcher.take().length, 1, 'by expiry');
  bench.client('b', 5, { will: delayed }).lose();
  assert.equal(watcher.take().length, 1, 'at once, without expiry');
  bench.client('c', 5, { ...lasting(600), will: delayed }).lose();
  bench.client('c', 5);
  assert.equal(watcher.take().length, 1, 'by a clean start');
});

test('a takeover publishes the Will of the connection that it ends, unless its delay lets the session go on', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe('will');
  bench.client('c', 5, { ...lasting(60), will });
  bench.client('c', 5, { ...lasting(60), will: { ...will, properties: { willDelayIntervalS: 5 } } });
  assert.equal(watcher.take().length, 1);
  bench.client('c', 5, lasting(60));
  bench.clock.advance(60_000);
  assert.equal(watcher.take().length, 0);
});

test('a Will is judged when it is due, whatever made it so, also by the next process', async () => {
  const judged: string[] = [];
  let mayPublish = true;
  const store = new MemoryStore();
  const options = {
    store,
    mayPublishWill: ({ topic, author }: { topic: string; author?: string | undefined }, clientId: string) => {
      judged.push(`${clientId} ${topic} by ${author}`);
      return mayPublish;
    },
  };
  const bench = await makeBench(options);
  const watcher = bench.client('watcher');
  watcher.subscribe('will');
  const delayed = { ...lasting(600), will: { ...will, properties: { willDelayIntervalS: 5 } }, willAuthor: 'me' };
  bench.client('a', 5, delayed).lose();
  assert.deepEqual(judged, [], 'not before');
  mayPublish = false;
  bench.clock.advance(5000);
  bench.client('b', 5, { will, willAuthor: 'b' }).lose();
  bench.client('c', 5, { ...delayed, willAuthor: 'c' }).lose();
  bench.broker.sessions.remove('c');
  assert.deepEqual(judged, ['a will by me', 'b will by b', 'c will by c']);
  assert.deepEqual(watcher.texts(), []);
  bench.clock.advance(600_000);
  assert.equal(judged.length, 3, 'it is not kept for a better day');
  mayPublish = true;
  bench.client('d', 5, delayed).lose();
  bench.clock.advance(5000);
  assert.deepEqual(watcher.texts(), ['will=gone']);
});

test('a Will is judged by what its author was proven to be last', async () => {
  const judged: (string | undefined)[] = [];
  const bench = await makeBench({
    mayPublishWill: ({ author }: { author?: string | undefined }) => judged.push(author) > 0,
  });
  const renewed = { owner: 'owner', address: '127.0.0.1', willAuthor: 'anew' };
  const client = bench.client('a', 5, { will, willAuthor: 'first' });
  client.link.renewed?.(renewed);
  client.lose();
  assert.deepEqual(judged, ['anew']);
  client.link.renewed?.(renewed);
  const without = bench.client('b', 5);
  without.link.renewed?.(renewed);
  without.lose();
  assert.deepEqual(judged, ['anew'], 'one that there is not does not come to be');
});

test('[MQTT-3.1.3-10] a Will carries its properties, and its expiry counts from its publication', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe('will');
  const userProperties: [string, string][] = [
    ['b', '2'],
    ['a', '1'],
  ];
  const properties = { willDelayIntervalS: 30, messageExpiryIntervalS: 7, contentType: 'text', userProperties };
  bench.client('c', 5, { ...lasting(60), will: { ...will, properties } }).lose();
  bench.clock.advance(30_000);
  const [message] = watcher.take();
  assert.deepEqual(message!.properties, { messageExpiryIntervalS: 7, contentType: 'text', userProperties });
});

test('a Will on a topic that clients may not publish to goes nowhere', async () => {
  const bench = await makeBench();
  const watcher = bench.client('w');
  watcher.subscribe(['$SYS/broker/version', '$other/#']);
  watcher.take();
  bench.client('c', 5, { will: { topic: '$SYS/broker/version' } }).lose();
  bench.client('d', 5, { will: { topic: '$other/x' } }).lose();
  assert.deepEqual(watcher.take(), []);
});

test('beyond the ceiling of waiting Wills a Will is published without its delay', async () => {
  const bench = await makeBench({ willDelaysMax: 1 });
  const watcher = bench.client('w');
  watcher.subscribe('will');
  const init = { ...lasting(60), will: { ...will, properties: { willDelayIntervalS: 5 } } };
  bench.client('a', 5, init).lose();
  bench.client('b', 5, init).lose();
  assert.equal(watcher.take().length, 1);
  bench.client('a', 5, init).lose();
  assert.equal(watcher.take().length, 0, 'who came back gave the place free');
  assert.ok(bench.events.some((event) => event.name === 'ceiling.reached' && event.ceiling === 'broker.willDelaysMax'));
});

test('closing the broker ends every connection with 0x8B and leaves no timer', async () => {
  const bench = await makeBench();
  const five = bench.client('a', 5, { ...lasting(60), will: { ...will, properties: { willDelayIntervalS: 5 } } });
  const four = bench.client('b', 4, { will });
  bench.client('c', 5, lasting(60)).lose();
  await bench.broker.close();
  assert.equal(five.closedWith?.reasonCode, Reason.ServerShuttingDown);
  assert.equal(four.isClosed, true);
  assert.equal(bench.clock.pendingCount, 0);
});

test('where a second connection is refused, it is, and the first one and its Will stay untouched', async () => {
  const bench = await makeBench();
  const first = bench.client('c', 5, { ...lasting(60), isExclusive: true });
  first.subscribe('t');
  const second = bench.client('c', 5, { ...lasting(60), isExclusive: true });
  assert.equal(second.connackPacket?.reasonCode, Reason.ClientIdentifierNotValid);
  assert.match(second.connackPacket?.properties.reasonString ?? '', /connected already/);
  bench.client('pub').publish('t', 'x');
  assert.deepEqual(first.texts(), ['t=x']);
  first.lose();
  const back = bench.client('c', 5, { ...lasting(60), isExclusive: true });
  assert.equal(back.connackPacket?.sessionPresent, true, 'a session that waits is resumed');
});

test('an operator sees what a session holds while its client is there, and while it is away', async () => {
  const bench = await makeBench();
  const { sessions } = bench.broker;
  const will = { topic: 'gone', payload: 'w', qos: 1, retain: false, properties: { willDelayIntervalS: 30 } } as const;
  const client = bench.client('c', 5, { ...lasting(60), owner: 'user:ann', will });
  client.subscribe([{ filter: 't', qos: 1, noLocal: true }], { subscriptionIdentifiers: [7] });
  const connectedAtMs = bench.clock.epochMs();
  const kept = sessions.get('c');
  assert.ok(kept !== undefined);
  assert.deepEqual(
    [kept.owner, kept.protocolVersion, kept.connected, kept.connectedAtMs, kept.disconnectedAtMs, kept.expiryS],
    ['user:ann', 5, true, connectedAtMs, undefined, 60],
  );
  assert.deepEqual([kept.will?.topic, kept.will?.delayS], ['gone', 30]);
  const subscription = kept.subscriptions.get('t');
  assert.deepEqual([subscription?.qos, subscription?.noLocal, subscription?.subscriptionIdentifier], [1, true, 7]);
  bench.client('pub').publish('t', 'one', { qos: 1 });
  assert.deepEqual([kept.outgoing.inflightCount, kept.outgoing.queuedCount, kept.outgoing.queuedBytes], [1, 0, 0]);
  bench.clock.advance(5000);
  client.lose();
  bench.client('pub').publish('t', 'two', { qos: 1 });
  assert.deepEqual([kept.connected, kept.disconnectedAtMs], [false, connectedAtMs + 5000]);
  assert.deepEqual([kept.outgoing.inflightCount, kept.outgoing.queuedCount], [1, 1]);
  assert.equal(kept.outgoing.queuedBytes, 'ttwo'.length);
  assert.deepEqual(
    [...sessions.after(0)].map(({ clientId }) => clientId),
    ['c', 'pub'],
  );
});

test('a session that an operator removes is gone with its queue and its subscriptions, and its Will is published', async () => {
  const bench = await makeBench();
  const watcher = bench.client('watcher');
  watcher.subscribe('gone/+');
  const will = (topic: string) =>
    ({ topic, payload: 'w', qos: 0, retain: false, properties: { willDelayIntervalS: 30 } }) as const;
  const away = bench.client('away', 5, { ...lasting(60), will: will('gone/away') });
  away.subscribe([{ filter: 't', qos: 1 }]);
  away.lose();
  bench.client('pub').publish('t', 'while away', { qos: 1 });
  const there = bench.client('there', 5, { ...lasting(60), will: will('gone/there') });
  assert.equal(bench.broker.sessions.remove('away'), true);
  assert.equal(bench.broker.sessions.remove('there'), true);
  assert.equal(there.closedWith?.reasonCode, Reason.AdministrativeAction);
  assert.deepEqual(watcher.texts(), ['gone/away=w', 'gone/there=w']);
  assert.deepEqual([bench.broker.stats().sessions, bench.broker.stats().connected], [2, 2]);
  assert.equal(bench.broker.stats().queuedMessages, 0);
  const back = bench.client('away', 5, lasting(60));
  assert.equal(back.connackPacket?.sessionPresent, false);
  assert.deepEqual(back.texts(), []);
  assert.equal(bench.broker.sessions.remove('nobody'), false);
});
