import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { settled } from '../../test/kit/settled.ts';
import type { Packet } from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';
import { isLimitName } from '../policy/limits/limit-name.ts';
import { readLimit } from '../policy/limits/limit-value.ts';
import { parseTarget } from '../policy/limits/target.ts';

const BIG = 60_000;

function set(bench: Bench, target: string, name: string, value: unknown): void {
  const parsed = parseTarget(target);
  const limit = isLimitName(name) ? readLimit(name, value, 'test:1') : name;
  if (typeof parsed === 'string' || typeof limit === 'string') throw new Error(`${parsed} ${limit}`);
  bench.limits.override(parsed, limit, undefined);
}

function wide(changes: Parameters<typeof testPolicy>[0] = {}) {
  const policy = testPolicy(changes);
  return { ...policy, limits: { ...policy.limits, inflightMax: 100, outputBufferMaxBytes: 1_000_000 } };
}

function sent(bench: Bench): string[] {
  return bench.link.named('publish').map((call) => String(call[3]));
}

function numbered(bench: Bench, count: number, qos: 0 | 1 | 2 = 0, from = 1): Packet[] {
  return Array.from({ length: count }, (_, i) =>
    bench.publish('ok/t', { qos, packetId: qos > 0 ? from + i : 0, payload: Buffer.from(String(from + i)) }),
  );
}

describe('publishes beyond a limit', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = new Bench(5, wide());
    await bench.open();
  });

  it('wait: nothing is read meanwhile, nothing is lost, and the order stays', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '10 burst 2');
    bench.send(...numbered(bench, 6));
    assert.deepEqual(sent(bench), ['1', '2']);
    assert.equal(bench.downstream.paused, true);
    bench.clock.advance(100);
    assert.deepEqual(sent(bench), ['1', '2', '3']);
    bench.clock.advance(300);
    assert.deepEqual(sent(bench), ['1', '2', '3', '4', '5', '6']);
    assert.equal(bench.downstream.paused, false);
    assert.equal(bench.named('limit.exceeded').length, 1);
    const [told] = bench.named('limit.exceeded');
    assert.deepEqual(
      [told?.action, told?.by, told?.value, told?.source, told?.clientId],
      ['delayed', 'limit:client publish.messagesPerSecond', '10 burst 2', 'test:1', 'tester'],
    );
  });

  it('wait where they stand in a chunk, whatever comes behind them', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '10 burst 1');
    const ping: Packet = { type: PacketType.Pingreq };
    bench.send(...numbered(bench, 2), ping);
    bench.send(...numbered(bench, 1, 1, 3));
    assert.equal(bench.link.named('ping').length, 0);
    bench.clock.advance(100);
    assert.equal(bench.link.named('ping').length, 1);
    bench.clock.advance(100);
    assert.deepEqual(sent(bench), ['1', '2', '3']);
  });

  it('are not held against a client that is silent because we do not read', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '1/10m');
    bench.send(...numbered(bench, 2));
    bench.clock.advance(300_000);
    assert.equal(bench.connection.isOpen, true);
    bench.clock.advance(300_000);
    assert.deepEqual(sent(bench), ['1', '2']);
  });

  it('of bytes: a packet larger than the burst passes, and is paid back', () => {
    set(bench, 'client:tester', 'publish.bytesPerSecond', '1000 burst 100');
    const large = () => bench.publish('ok/t', { payload: Buffer.alloc(1000) });
    bench.send(large(), large());
    assert.equal(sent(bench).length, 1);
    bench.clock.advance(900);
    assert.equal(sent(bench).length, 1);
    bench.clock.advance(120);
    assert.equal(sent(bench).length, 2);
  });

  it('go on as soon as the limit is taken back or raised', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '1/1h');
    bench.send(...numbered(bench, 4));
    assert.equal(sent(bench).length, 1);
    set(bench, 'client:tester', 'publish.messagesPerSecond', '1/1m');
    bench.clock.advance(60_000);
    assert.equal(sent(bench).length, 2);
    bench.limits.unset({ scope: 'client', key: 'tester' });
    assert.equal(sent(bench).length, 4);
    assert.equal(bench.downstream.paused, false);
  });

  it('are dropped at QoS 0 and wait at QoS 1 and 2, with drop', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '10 burst 1');
    set(bench, 'client:tester', 'publish.onExcess', 'drop');
    bench.send(...numbered(bench, 3), ...numbered(bench, 2, 1, 4));
    assert.deepEqual(sent(bench), ['1']);
    bench.clock.advance(1000);
    assert.deepEqual(sent(bench), ['1', '4', '5']);
    assert.equal(bench.named('publish.refused').length, 2);
    assert.equal(bench.named('publish.refused')[0]?.action, 'dropped');
  });

  it('are refused with 0x97 and the reason, with refuse', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '10 burst 1');
    set(bench, 'client:tester', 'publish.onExcess', 'refuse');
    bench.send(...numbered(bench, 3, 1));
    assert.deepEqual(sent(bench), ['1']);
    const acks = bench.received();
    assert.equal(acks.length, 2);
    for (const ack of acks) {
      assert.ok(ack.type === PacketType.Puback);
      assert.equal(ack.reasonCode, 0x97);
      assert.match(ack.properties.reasonString ?? '', /one client has publish.messagesPerSecond 10 burst 1/);
      assert.doesNotMatch(ack.properties.reasonString ?? '', /test:1/, 'where it is written is not for clients');
    }
  });

  it('end the connection with 0x96, with disconnect', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '10 burst 1');
    set(bench, 'client:tester', 'publish.onExcess', 'disconnect');
    bench.send(...numbered(bench, 3, 1));
    const last = bench.received().at(-1);
    assert.ok(last?.type === PacketType.Disconnect);
    assert.equal(last.reasonCode, 0x96);
    assert.equal(bench.named('limit.exceeded')[0]?.action, 'disconnected');
  });

  it('of 3.1.1 clients are refused as the configuration has it for denied ones', async () => {
    const old = new Bench(4, wide({ deniedPublish: 'acknowledge' }));
    await old.open();
    set(old, 'client:tester', 'publish.messagesPerSecond', '10 burst 1');
    set(old, 'client:tester', 'publish.onExcess', 'refuse');
    old.send(...numbered(old, 2, 1));
    assert.deepEqual(sent(old), ['1']);
    assert.equal(old.received().filter(({ type }) => type === PacketType.Puback).length, 1);
    const strict = new Bench(4, wide({ deniedPublish: 'disconnect' }));
    await strict.open();
    set(strict, 'client:tester', 'publish.messagesPerSecond', '10 burst 1');
    set(strict, 'client:tester', 'publish.onExcess', 'refuse');
    strict.send(...numbered(strict, 2, 1));
    assert.equal(strict.downstream.ended, true);
  });

  it('of a topic count for that topic alone, and cost nothing else what they did not get', () => {
    set(bench, 'topic:ok/#', 'publish.messagesPerSecond', '10 burst 2');
    set(bench, 'client:tester', 'publish.messagesPerSecond', '10 burst 3');
    bench.send(...numbered(bench, 3));
    assert.deepEqual(sent(bench), ['1', '2']);
    assert.equal(bench.named('limit.exceeded')[0]?.by, 'limit:topic publish.messagesPerSecond');
    bench.clock.advance(100);
    assert.deepEqual(sent(bench), ['1', '2', '3']);
  });

  it('leave nothing behind when the client goes', () => {
    set(bench, 'client:tester', 'publish.messagesPerSecond', '1/1h');
    bench.send(...numbered(bench, 4));
    bench.connection.onClosed({ by: 'peer', says: '', bytesIn: 0, bytesOut: 0 });
    bench.clock.advance(7_200_000);
    assert.equal(sent(bench).length, 1);
    assert.equal(bench.clock.pendingCount, 0);
  });
});

describe('sizes', () => {
  it('of one client, of a role and of a topic hold', async () => {
    const bench = new Bench(5, wide());
    set(bench, 'client:tester', 'packetSizeMax', 256);
    const connack = await bench.open();
    assert.ok(connack?.type === PacketType.Connack);
    assert.equal(connack.properties.maximumPacketSizeBytes, 256);
    bench.send(bench.publish('ok/t', { payload: Buffer.alloc(300) }));
    const [last] = bench.received();
    assert.ok(last?.type === PacketType.Disconnect && last.reasonCode === 0x95);

    const other = new Bench(5, wide());
    await other.open();
    set(other, 'topic:ok/small', 'packetSizeMax', 256);
    other.send(
      other.publish('ok/small', { qos: 1, payload: Buffer.alloc(300) }),
      other.publish('ok/large', { qos: 1, packetId: 2, payload: Buffer.alloc(300) }),
    );
    assert.deepEqual(
      other.link.named('publish').map((call) => call[1]),
      ['ok/large'],
    );
    const [ack] = other.received();
    assert.ok(ack?.type === PacketType.Puback && ack.reasonCode === 0x97);
  });

  it('of a client may be larger than of the rest', async () => {
    const policy = wide();
    const bench = new Bench(5, { ...policy, limits: { ...policy.limits, packetSizeMaxBytes: 1000 } });
    set(bench, 'client:tester', 'packetSizeMax', BIG);
    await bench.open();
    bench.send(bench.publish('ok/t', { payload: Buffer.alloc(2000) }));
    assert.equal(sent(bench).length, 1);
    bench.limits.unset({ scope: 'client', key: 'tester' });
    bench.send(bench.publish('ok/t', { payload: Buffer.alloc(2000) }));
    assert.equal(sent(bench).length, 1);
  });

  it('of a Will hold', async () => {
    const policy = wide();
    const bench = new Bench(5, { ...policy, limits: { ...policy.limits, willSizeMaxBytes: 10 } });
    const will = {
      topic: 'ok/w',
      payload: Buffer.alloc(11),
      qos: 0,
      retain: false,
      properties: NO_PROPERTIES,
    } as const;
    const connack = await bench.open({ will });
    assert.ok(connack?.type === PacketType.Connack && connack.reasonCode === 0x97);
    assert.equal(bench.named('will.refused')[0]?.by, 'limit:willSizeMax');
  });

  it('of a topic hold for Wills there, too', async () => {
    const will = {
      topic: 'ok/small',
      payload: Buffer.alloc(300),
      qos: 0,
      retain: false,
      properties: NO_PROPERTIES,
    } as const;
    for (const [topic, code] of [
      ['ok/small', 0x97],
      ['ok/large', 0],
    ] as const) {
      const bench = new Bench(5, wide());
      set(bench, 'topic:ok/small', 'packetSizeMax', 256);
      const connack = await bench.open({ will: { ...will, topic } });
      assert.ok(connack?.type === PacketType.Connack && connack.reasonCode === code, topic);
      const refused = bench.named('will.refused').map(({ by }) => by);
      assert.deepEqual(refused, code === 0 ? [] : ['limit:topic packetSizeMax']);
    }
  });
});

describe('retained messages', () => {
  it('of one client are counted by topic and by bytes, also over its connections', async () => {
    const bench = new Bench(5, wide());
    set(bench, 'client:tester', 'retainedMessagesMax', 2);
    set(bench, 'client:tester', 'retainedBytesMax', 10);
    await bench.open();
    const retain = (topic: string, bytes: number) =>
      bench.send(bench.publish(topic, { retain: true, payload: Buffer.alloc(bytes) }));
    const topics = () => bench.link.named('publish').map((call) => call[1]);
    retain('ok/1', 4);
    retain('ok/2', 4);
    retain('ok/3', 1);
    assert.deepEqual(topics(), ['ok/1', 'ok/2'], 'two topics');
    retain('ok/1', 7);
    assert.deepEqual(topics(), ['ok/1', 'ok/2'], 'ten bytes');
    retain('ok/1', 6);
    retain('ok/2', 0);
    retain('ok/3', 4);
    assert.deepEqual(topics(), ['ok/1', 'ok/2', 'ok/1', 'ok/2', 'ok/3']);
    assert.deepEqual(
      bench.named('publish.refused').map(({ by }) => by),
      ['limit:retainedMessagesMax', 'limit:retainedBytesMax'],
    );
  });

  it('of a Will count from the CONNECT on, or a quota would bound nothing', async () => {
    const will = { topic: 'ok/w', payload: Buffer.alloc(4), qos: 0, retain: true, properties: NO_PROPERTIES } as const;
    const opened = async (quota: number, has: Partial<typeof will> | { retain: false }) => {
      const bench = new Bench(5, wide());
      set(bench, 'client:tester', 'retainedMessagesMax', quota);
      set(bench, 'client:tester', 'retainedBytesMax', 6);
      const connack = await bench.open({ will: { ...will, ...has } });
      assert.ok(connack?.type === PacketType.Connack);
      return { bench, code: connack.reasonCode };
    };
    const refused = await opened(0, {});
    assert.equal(refused.code, 0x97);
    assert.equal(refused.bench.named('will.refused')[0]?.by, 'limit:retainedMessagesMax');
    assert.equal((await opened(0, { retain: false })).code, 0);
    assert.equal((await opened(0, { payload: Buffer.alloc(0) })).code, 0);
    assert.equal((await opened(1, { payload: Buffer.alloc(7) })).code, 0x97);

    const { bench } = await opened(1, {});
    const retain = (topic: string, bytes: number) =>
      bench.send(bench.publish(topic, { retain: true, payload: Buffer.alloc(bytes) }));
    retain('ok/1', 1);
    retain('ok/w', 6);
    retain('ok/w', 0);
    retain('ok/1', 1);
    const topics = bench.link.named('publish').map((call) => call[1]);
    assert.deepEqual(topics, ['ok/w', 'ok/w'], 'deleted or not, the Will takes its place');
  });
});

describe('deliveries beyond a limit', () => {
  it('are held at the link, not lost, and go on when they are paid for', async () => {
    const bench = new Bench(5, wide());
    await bench.open();
    set(bench, 'user:tester', 'deliver.messagesPerSecond', '10 burst 2');
    const deliver = () => bench.link.deliver({ topic: 'ok/t', qos: 1, packetId: 1 }, 5);
    assert.deepEqual([deliver(), deliver(), deliver()], [true, true, false], 'the third is taken, and holds the link');
    assert.equal(bench.received().length, 3);
    assert.equal(bench.named('limit.exceeded')[0]?.action, 'held');
    bench.clock.advance(199);
    assert.equal(bench.link.named('resume').length, 0);
    bench.clock.advance(2);
    assert.equal(bench.link.named('resume').length, 1);
    assert.deepEqual([deliver(), deliver()], [true, false], 'what it has waited for is one message');
  });

  it('wait for a slow reader too, where there is one', async () => {
    const policy = wide();
    const bench = new Bench(5, { ...policy, limits: { ...policy.limits, outputBufferMaxBytes: 20 } });
    await bench.open();
    set(bench, 'client:tester', 'deliver.messagesPerSecond', '10 burst 1');
    bench.link.deliver({ topic: 'ok/t', qos: 1, packetId: 1 }, 5);
    bench.link.deliver({ topic: 'ok/t', qos: 1, packetId: 2 }, 5);
    bench.downstream.waitingBytes = 30;
    bench.downstream.batch.clear(0);
    assert.equal(bench.link.deliver({ topic: 'ok/t', qos: 1, packetId: 3 }, 5), false);
    bench.clock.advance(1000);
    assert.equal(bench.link.named('resume').length, 0, 'paid for, but not read');
    bench.connection.onDrain();
    assert.equal(bench.link.named('resume').length, 1);
  });

  it('are dropped at QoS 0 only, with drop', async () => {
    const bench = new Bench(5, wide());
    await bench.open();
    set(bench, 'client:tester', 'deliver.messagesPerSecond', '10 burst 1');
    set(bench, 'client:tester', 'deliver.onExcess', 'drop');
    assert.equal(bench.link.deliver({ topic: 'ok/t' }, 5), true);
    assert.equal(bench.link.deliver({ topic: 'ok/t' }, 5), true);
    assert.equal(bench.link.deliver({ topic: 'ok/t', qos: 1, packetId: 1 }, 5), false);
    assert.equal(bench.received().length, 2);
    assert.equal(bench.named('delivery.dropped').length, 1);
  });
});

describe('subscriptions beyond a rate', () => {
  it('are refused whole, and the client stays', async () => {
    const bench = new Bench(5, wide());
    await bench.open();
    set(bench, 'client:tester', 'subscribe.filtersPerSecond', '2');
    const subscribe = (packetId: number, ...filters: string[]): Packet => ({
      type: PacketType.Subscribe,
      packetId,
      properties: NO_PROPERTIES,
      subscriptions: filters.map((filter) => ({
        filter,
        qos: 0,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
      })),
    });
    bench.send(subscribe(1, 'ok/a'), subscribe(2, 'ok/b', 'ok/c'));
    assert.equal(bench.link.named('subscribe').length, 1);
    const [suback] = bench.received();
    assert.ok(suback?.type === PacketType.Suback);
    assert.deepEqual(suback.reasonCodes, [0x97, 0x97]);
    bench.clock.advance(1000);
    bench.send(subscribe(3, 'ok/b', 'ok/c'));
    assert.equal(bench.link.named('subscribe').length, 2);
  });
});

describe('logins', () => {
  it('that failed too often are refused before anybody is asked', async () => {
    const first = new Bench(5, wide());
    set(first, 'address', 'authenticationFailures', '1/1m');
    await first.open({ password: Buffer.from('wrong') });
    assert.equal(first.named('authentication.failed').length, 1);
    let asked = 0;
    const { authenticator } = testPolicy();
    const second = new Bench(5, {
      ...wide(),
      authenticator: {
        ...authenticator,
        authenticate: (credentials) => {
          asked++;
          return authenticator.authenticate(credentials);
        },
      },
    });
    set(second, 'address', 'authenticationFailures', '1/1m');
    second.limits.authenticated({ listener: 'test', address: '192.0.2.7', username: 'x', clientId: 'x' }, false);
    const connack = await second.open();
    assert.ok(connack?.type === PacketType.Connack && connack.reasonCode === 0x9f);
    assert.equal(asked, 0);
    assert.equal(second.named('connect.refused')[0]?.by, 'limit:address authenticationFailures');
  });

  it('that had to wait are refused without being looked at, where too many have failed meanwhile', async () => {
    let isAwaited: () => boolean = () => true;
    const bench = new Bench(5, {
      ...wide(),
      authenticator: {
        ...testPolicy().authenticator,
        authenticate: (credentials) => {
          isAwaited = credentials.isAwaited!;
          return new Promise(() => undefined);
        },
      },
    });
    set(bench, 'address', 'authenticationFailures', '1/1m');
    await bench.open();
    assert.equal(isAwaited(), true);
    bench.limits.authenticated({ listener: 'test', address: '192.0.2.7', username: 'x', clientId: 'x' }, false);
    assert.equal(isAwaited(), false);
    const [connack] = bench.received();
    assert.ok(connack?.type === PacketType.Connack && connack.reasonCode === 0x9f);
    assert.equal(bench.named('connect.refused')[0]?.by, 'limit:address authenticationFailures');
    assert.equal(bench.named('limit.exceeded').length, 1);
    assert.equal(isAwaited(), false);
  });

  it('are waited for no longer when the client has gone', async () => {
    let isAwaited: () => boolean = () => true;
    const bench = new Bench(4, {
      ...wide(),
      authenticator: {
        ...testPolicy().authenticator,
        authenticate: (credentials) => {
          isAwaited = credentials.isAwaited!;
          return new Promise(() => undefined);
        },
      },
    });
    await bench.open();
    assert.equal(isAwaited(), true);
    bench.connection.onClosed({ by: 'peer', says: '', bytesIn: 1, bytesOut: 1 });
    assert.equal(isAwaited(), false);
  });

  it('that nobody could judge do not count as failures', async () => {
    const bench = new Bench(5, {
      ...wide(),
      authenticator: {
        ...testPolicy().authenticator,
        authenticate: async () => ({ ok: false, reason: 0x88, by: 'ldap', says: 'not there', method: 'ldap' }),
      },
    });
    set(bench, 'address', 'authenticationFailures', '1/1m');
    await bench.open();
    const applicant = { listener: 'test', address: '192.0.2.7', username: 'x', clientId: 'x' };
    assert.equal(bench.limits.admitAuthentication(applicant), undefined);
  });

  it('of a user with all its connections are refused', async () => {
    const bench = new Bench(4, wide());
    set(bench, 'user:tester', 'connectionsMax', 1);
    bench.limits.join({
      listener: 'l',
      address: '192.0.2.1',
      username: 'tester',
      clientId: 'other',
      roles: [],
      personal: [],
    });
    const connack = await bench.open();
    assert.ok(connack?.type === PacketType.Connack && connack.reasonCode === 3);
    assert.equal(bench.named('connect.refused')[0]?.by, 'limit:user connectionsMax');
  });
});

describe('limits that come with the identity', () => {
  function bringing(limits: Record<string, string>): Bench {
    return new Bench(5, {
      ...wide(),
      authenticator: {
        ...testPolicy().authenticator,
        authenticate: async ({ username, clientId }) => ({
          ok: true,
          identity: { username, clientId, method: 'webhook', credential: 'c', limits },
        }),
      },
    });
  }

  it('hold for the client, and are told with where they come from', async () => {
    const bench = bringing({ 'publish.messagesPerSecond': '10 burst 1', inflightMax: '3' });
    const connack = await bench.open();
    assert.ok(connack?.type === PacketType.Connack);
    assert.equal(connack.properties.receiveMaximum, 3);
    bench.send(...numbered(bench, 2));
    assert.equal(sent(bench).length, 1);
    assert.equal(bench.named('limit.exceeded')[0]?.source, 'identity:webhook');
  });

  it('that cannot be keep the client out', async () => {
    for (const limits of [{ 'publish.messagesPerSecond': '0' }, { nonsense: '1' }, { connects: '1/1s' }]) {
      const bench = bringing(limits as unknown as Record<string, string>);
      const connack = await bench.open();
      assert.ok(connack?.type === PacketType.Connack && connack.reasonCode === 0x87, JSON.stringify(limits));
      assert.equal(bench.named('connect.refused')[0]?.by, 'identity:limits');
      assert.equal(bench.link.named('connect').length, 0);
    }
  });

  it('do not survive a reload that gives the role others', async () => {
    const policy = wide();
    const bench = new Bench(5, policy);
    await bench.open();
    bench.send(...numbered(bench, 3));
    const forClient = () => ({
      ...policy.authorizer.forClient({ username: 'tester', clientId: 'tester' }),
      roles: ['sensor'],
      limits: [{ name: 'publish.messagesPerSecond', text: '1/1h', source: 'policy.yaml:3 role sensor' }],
    });
    bench.connection.applyPolicy({ ...policy, generation: 2, authorizer: { forClient } });
    bench.send(...numbered(bench, 3, 0, 4));
    assert.deepEqual(sent(bench), ['1', '2', '3', '4']);
    bench.connection.applyPolicy({ ...policy, generation: 3 });
    await settled();
    assert.deepEqual(sent(bench), ['1', '2', '3', '4', '5', '6']);
  });
});
