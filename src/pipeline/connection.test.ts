import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allow, Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { settled } from '../../test/kit/settled.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { encodePacket } from '../mqtt/encode.ts';
import type { Packet, SubscribePacket } from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';
import type { CertificateGuard } from '../policy/identity/certificate-guard.ts';
import type { CertificateFacts } from '../policy/identity/identity.ts';
import type { ConnectionPolicy } from './policy.ts';

function subscribe(packetId: number, ...filters: string[]): SubscribePacket {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const subscriptions = filters.map((filter) => ({ filter, ...options }));
  return { type: PacketType.Subscribe, packetId, subscriptions, properties: NO_PROPERTIES };
}

function ack(type: 4 | 5 | 6 | 7, packetId: number, reasonCode = 0): Packet {
  return { type, packetId, reasonCode, properties: NO_PROPERTIES };
}

function codes(packet: Packet | undefined): number[] {
  assert.equal(packet?.type, PacketType.Suback);
  return (packet as Extract<Packet, { type: typeof PacketType.Suback }>).reasonCodes;
}

function reasonOf(packet: Packet | undefined): number {
  return (packet as { reasonCode: number }).reasonCode;
}

describe('the connect deadline', () => {
  it('closes a connection that never sends a whole CONNECT, and says so', () => {
    const bench = new Bench(5);
    bench.connection.onBytes(encodePacket(bench.connectPacket(), 5).subarray(0, 9));
    bench.clock.advance(9_999);
    assert.equal(bench.downstream.ended, false);
    bench.clock.advance(1);
    assert.equal(bench.downstream.ended, true);
    assert.equal(bench.named('connect.refused')[0]!.by, 'limit:connectTimeout');
  });

  it('answers 0x88 to a client whose upstream stays silent', async () => {
    const bench = new Bench(5);
    bench.link.connackAnswer = undefined;
    assert.equal(await bench.open(), undefined);
    bench.clock.advance(10_000);
    assert.equal(reasonOf(bench.received()[0]), 0x88);
    assert.deepEqual(bench.link.named('close'), [['close', undefined]]);
  });

  it('leaves no timer behind when the socket goes', async () => {
    const bench = new Bench(4);
    await bench.open();
    bench.connection.onClosed({ by: 'peer', says: '', bytesIn: 1, bytesOut: 1 });
    assert.equal(bench.clock.pendingCount, 0);
    assert.equal(bench.gone, 1);
  });
});

describe('a client that takes no packet as large as its CONNACK [MQTT-3.1.2-24]', () => {
  for (const [sizeMaxBytes, reasons] of [
    [6, [0x95]],
    [4, []],
  ] as const) {
    it(`hears ${reasons.length === 0 ? 'nothing' : 'why'} where it takes ${sizeMaxBytes} bytes, and its Will is discarded`, async () => {
      const bench = new Bench(5);
      const answer = await bench.open({ properties: { maximumPacketSizeBytes: sizeMaxBytes } });
      assert.deepEqual(answer === undefined ? [] : [reasonOf(answer)], reasons);
      assert.equal(bench.downstream.ended, true);
      assert.equal(bench.named('client.connected').length, 0);
      assert.equal(bench.named('connect.refused')[0]?.by, 'client:maximumPacketSize');
      assert.deepEqual(bench.link.named('close'), [['close', 0]]);
    });
  }
});

describe('the first packet', () => {
  for (const [name, bytes] of [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a PINGREQ [MQTT-3.1.0-1]', Buffer.from([0xc0, 0])],
    ['a TLS ClientHello', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
  ] as const) {
    it(`that is ${name} ends the connection without a word`, () => {
      const bench = new Bench(4);
      bench.connection.onBytes(bytes);
      assert.equal(bench.downstream.ended, true);
      assert.deepEqual(bench.received(), []);
      assert.equal(bench.named('packet.faulted').length, 1);
      assert.equal(bench.link.calls.length, 0);
    });
  }

  it('of a version that is not allowed is answered in that version', async () => {
    for (const [version, code] of [
      [3, 1],
      [4, 1],
      [5, 0x84],
    ] as const) {
      const others = ([3, 4, 5] as const).filter((other) => other !== version);
      const bench = new Bench(version, testPolicy({ protocolVersions: others }));
      assert.equal(reasonOf(await bench.open()), code);
      assert.equal(bench.downstream.ended, true);
    }
  });
});

describe('a CONNECT of a version nobody knows', () => {
  it('is answered by return code 1 [MQTT311-3.1.2-2]', () => {
    const bench = new Bench(4);
    const bytes = encodePacket(bench.connectPacket(), 4);
    bytes[8] = 6;
    bench.connection.onBytes(bytes);
    assert.equal(reasonOf(bench.received()[0]), 1);
    assert.equal(bench.downstream.ended, true);
  });
});

describe('authentication', () => {
  it('refuses a wrong password with 0x86 on v5 and code 4 below, before the upstream hears of it', async () => {
    for (const [version, code] of [
      [3, 4],
      [4, 4],
      [5, 0x86],
    ] as const) {
      const bench = new Bench(version);
      assert.equal(reasonOf(await bench.open({ password: Buffer.from('wrong') })), code);
      assert.equal(bench.downstream.ended, true);
      assert.equal(bench.link.calls.length, 0);
      const [event] = bench.named('authentication.failed');
      assert.partialDeepStrictEqual(event, { username: 'tester', address: '192.0.2.7', by: 'password-file:test' });
    }
  });

  it('that throws inside lets nobody in', async () => {
    const policy = testPolicy();
    const broken = {
      ...policy.authenticator,
      authenticate: () => Promise.reject(new Error('boom')),
    };
    const bench = new Bench(5, { ...policy, authenticator: broken });
    assert.equal(reasonOf(await bench.open()), 0x80);
    assert.equal(bench.link.calls.length, 0);
  });

  it('makes packets that came behind the CONNECT wait, then takes them in order', async () => {
    const bench = new Bench(4);
    bench.send(bench.connectPacket(), bench.publish('ok/1'), bench.publish('ok/2'));
    assert.equal(bench.downstream.paused, true);
    assert.equal(bench.link.calls.length, 0);
    await settled();
    assert.equal(bench.downstream.paused, false);
    assert.deepEqual(
      bench.link.named('publish').map((call) => call[1]),
      ['ok/1', 'ok/2'],
    );
  });

  it('keeps no password once it has been used', async () => {
    const bench = new Bench(5);
    await bench.open();
    assert.equal(bench.connection.client.connect?.password, undefined);
  });

  it('refuses enhanced authentication with 0x8C [MQTT-4.12.0-1]', async () => {
    const bench = new Bench(5);
    const connack = await bench.open({ properties: { authenticationMethod: 'SCRAM-SHA-1' } });
    assert.equal(reasonOf(connack), 0x8c);
  });
});

describe('CONNACK', () => {
  it('tells a v5 client what the gateway enforces', async () => {
    const bench = new Bench(5);
    const connack = await bench.open({ keepAliveS: 0, clientId: '' });
    assert.partialDeepStrictEqual(connack, {
      reasonCode: 0,
      properties: {
        receiveMaximum: 4,
        maximumPacketSizeBytes: 65_536,
        topicAliasMaximum: 2,
        serverKeepAliveS: 1200,
        assignedClientIdentifier: 'auto-070707070707070707070707',
      },
    });
  });

  it('of an upstream that refuses is passed on, and the connection ends', async () => {
    const bench = new Bench(5);
    bench.link.connackAnswer = { ...bench.link.connackAnswer!, reasonCode: 0x97 };
    assert.equal(reasonOf(await bench.open()), 0x97);
    assert.equal(bench.downstream.ended, true);
  });
});

describe('the Will', () => {
  const will = {
    topic: 'no/1',
    payload: Buffer.from('gone'),
    qos: 0,
    retain: false,
    properties: NO_PROPERTIES,
  } as const;

  it('on a topic without a grant refuses the CONNECT before the upstream sees it', async () => {
    const bench = new Bench(5);
    assert.equal(reasonOf(await bench.open({ will })), 0x87);
    assert.equal(bench.link.calls.length, 0);
    assert.partialDeepStrictEqual(bench.named('will.refused')[0], { topic: 'no/1', by: 'acl:default' });
  });

  it('is published when the connection is lost, and not when the client says goodbye', async () => {
    const lost = new Bench(5);
    await lost.open({ will: { ...will, topic: 'ok/1' } });
    lost.connection.onClosed({ by: 'error', says: 'ECONNRESET', bytesIn: 0, bytesOut: 0 });
    assert.deepEqual(lost.link.named('close'), [['close', undefined]]);

    const left = new Bench(5);
    await left.open({ will: { ...will, topic: 'ok/1' } });
    left.send({ type: PacketType.Disconnect, reasonCode: 0, properties: NO_PROPERTIES });
    left.connection.onClosed({ by: 'us', says: '', bytesIn: 0, bytesOut: 0 });
    assert.deepEqual(left.link.named('close'), [['close', 0]]);
    assert.partialDeepStrictEqual(left.named('connection.closed')[0], { by: 'client', reason: 0 });
  });
});

describe('keep-alive', () => {
  it('ends a silent client after one and a half times the interval with 0x8D [MQTT-3.1.2-22]', async () => {
    const bench = new Bench(5);
    await bench.open({ keepAliveS: 10 });
    bench.clock.advance(14_000);
    bench.send({ type: PacketType.Pingreq });
    bench.received();
    bench.clock.advance(14_999);
    assert.equal(bench.downstream.ended, false);
    bench.clock.advance(1);
    assert.equal(reasonOf(bench.received()[0]), 0x8d);
    assert.equal(bench.downstream.ended, true);
  });

  it('caps a 3.1.1 client that asks for none, by a timer of our own', async () => {
    const bench = new Bench(4);
    await bench.open({ keepAliveS: 0 });
    bench.clock.advance(1_800_000);
    assert.equal(bench.downstream.ended, true);
    assert.equal(bench.named('client.connected').length, 1);
  });

  it('does not run while it is the gateway that does not read', async () => {
    const bench = new Bench(4);
    await bench.open({ keepAliveS: 10 });
    bench.link.takesMore = false;
    bench.send(bench.publish('ok/1'));
    bench.clock.advance(60_000);
    assert.equal(bench.downstream.ended, false);
    bench.link.receiver.drained();
    bench.clock.advance(30_000);
    assert.equal(bench.downstream.ended, true);
  });

  it('is not fed by half a packet', async () => {
    const bench = new Bench(4);
    await bench.open({ keepAliveS: 10 });
    bench.clock.advance(10_000);
    bench.connection.onBytes(Buffer.from([0x30]));
    bench.clock.advance(5_000);
    assert.equal(bench.downstream.ended, true);
  });
});

describe('a PUBLISH', () => {
  it('with a grant goes on, and its permit is remembered until the policy changes', async () => {
    const bench = new Bench(4);
    await bench.open();
    bench.send(bench.publish('ok/1'), bench.publish('ok/1'));
    assert.equal(bench.link.named('publish').length, 2);
    const denied = { forClient: () => allow('other/#') };
    bench.connection.applyPolicy(testPolicy({ generation: 2, authorizer: denied }));
    bench.send(bench.publish('ok/1'));
    assert.equal(bench.link.named('publish').length, 2);
    assert.partialDeepStrictEqual(bench.named('publish.refused')[0], { topic: 'ok/1', by: 'acl:default' });
  });

  it('without a grant is answered 0x87 on v5, with its author in the event', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(bench.publish('no/1', { qos: 1, packetId: 7 }), bench.publish('no/1', { qos: 2, packetId: 8 }));
    const [puback, pubrec] = bench.received();
    assert.partialDeepStrictEqual(puback, { type: PacketType.Puback, packetId: 7, reasonCode: 0x87 });
    assert.partialDeepStrictEqual(pubrec, { type: PacketType.Pubrec, packetId: 8, reasonCode: 0x87 });
    assert.equal(bench.link.named('publish').length, 0);
    assert.equal(bench.downstream.ended, false);
    assert.partialDeepStrictEqual(bench.named('publish.refused')[0], {
      clientId: 'tester',
      username: 'tester',
      address: '192.0.2.7',
      topic: 'no/1',
      by: 'acl:default',
      action: 'refused',
    });
  });

  it('without a grant disconnects a 3.1.1 client by default', async () => {
    const bench = new Bench(4);
    await bench.open();
    bench.send(bench.publish('no/1', { qos: 1 }));
    assert.equal(bench.downstream.ended, true);
    assert.deepEqual(bench.received(), []);
  });

  it('without a grant completes its handshake where the configuration says acknowledge', async () => {
    const bench = new Bench(4, testPolicy({ deniedPublish: 'acknowledge' }));
    await bench.open();
    bench.send(bench.publish('no/1'), bench.publish('no/1', { qos: 1, packetId: 1 }));
    bench.send(bench.publish('no/1', { qos: 2, packetId: 2 }), ack(PacketType.Pubrel, 2));
    assert.deepEqual(
      bench.received().map((packet) => packet.type),
      [PacketType.Puback, PacketType.Pubrec, PacketType.Pubcomp],
    );
    assert.deepEqual(bench.link.calls.slice(1), []);
  });

  it('too long or too deep is refused with 0x90', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(bench.publish('ok/1/2/3/4', { qos: 1 }), bench.publish(`ok/${'x'.repeat(80)}`, { qos: 1, packetId: 2 }));
    assert.deepEqual(bench.received().map(reasonOf), [0x90, 0x90]);
    assert.deepEqual(
      bench.named('publish.refused').map((event) => event.by),
      ['limit:topicDepthMax', 'limit:topicLengthMax'],
    );
  });

  it('beyond the Receive Maximum ends a v5 connection with 0x93 [MQTT-3.3.4-9]', async () => {
    const bench = new Bench(5);
    await bench.open();
    for (let packetId = 1; packetId <= 4; packetId++) bench.send(bench.publish('ok/1', { qos: 1, packetId }));
    bench.link.receiver.acknowledge(PacketType.Puback, 1, 0);
    bench.send(bench.publish('ok/1', { qos: 1, packetId: 5 }));
    assert.equal(bench.downstream.ended, false);
    bench.received();
    bench.send(bench.publish('ok/1', { qos: 1, packetId: 6 }));
    assert.equal(reasonOf(bench.received()[0]), 0x93);
    assert.equal(bench.downstream.ended, true);
  });

  it('beyond the window makes a 3.1.1 client wait, and loses nothing', async () => {
    const bench = new Bench(4);
    await bench.open();
    for (let packetId = 1; packetId <= 6; packetId++) bench.send(bench.publish('ok/1', { qos: 2, packetId }));
    assert.equal(bench.downstream.paused, true);
    assert.equal(bench.link.named('publish').length, 6);
    for (let packetId = 1; packetId <= 4; packetId++) bench.link.receiver.acknowledge(PacketType.Pubrec, packetId, 0);
    assert.equal(bench.downstream.paused, false);
  });

  it('waits when the upstream asks for it, until it has drained', async () => {
    const bench = new Bench(4);
    await bench.open();
    bench.link.takesMore = false;
    bench.send(bench.publish('ok/1'));
    assert.equal(bench.downstream.paused, true);
    bench.link.receiver.drained();
    assert.equal(bench.downstream.paused, false);
  });

  it('by alias is judged by the topic the alias stands for, and an unknown alias is a fault [MQTT-3.3.2-9]', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(
      bench.publish('ok/1', { properties: { topicAlias: 1 } }),
      bench.publish('', { properties: { topicAlias: 1 } }),
      bench.publish('no/1', { properties: { topicAlias: 2 } }),
      bench.publish('', { properties: { topicAlias: 2 } }),
    );
    assert.deepEqual(
      bench.link.named('publish').map((call) => call[1]),
      ['ok/1', 'ok/1'],
    );
    assert.equal(bench.named('publish.refused').length, 2);
    bench.send(bench.publish('ok/1', { properties: { topicAlias: 3 } }));
    assert.equal(reasonOf(bench.received()[0]), 0x94);
  });

  it('refused ten thousand times makes few events, and the last one counts the rest', async () => {
    const bench = new Bench(5);
    await bench.open();
    for (let i = 0; i < 10_000; i++) bench.send(bench.publish('no/1'));
    assert.equal(bench.named('publish.refused').length, 10);
    bench.clock.advance(1000);
    bench.send(bench.publish('no/1'));
    assert.partialDeepStrictEqual(bench.named('publish.refused')[10], { suppressed: 9990 });
  });
});

describe('a SUBSCRIBE', () => {
  it('that is partly denied passes the rest on and answers every filter in order [MQTT-3.8.4-6]', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(9, 'no/a', 'ok/a', 'no/b', 'ok/b'));
    assert.deepEqual(bench.link.named('subscribe'), [['subscribe', 9, ['ok/a', 'ok/b']]]);
    bench.link.receiver.suback({ type: 9, packetId: 9, reasonCodes: [1, 0x80], properties: NO_PROPERTIES });
    assert.deepEqual(codes(bench.received()[0]), [0x87, 1, 0x87, 0x80]);
    assert.deepEqual([...bench.connection.client.subscriptions], ['ok/a']);
    assert.equal(bench.named('subscribe.refused').length, 2);
  });

  it('that is wholly denied never reaches the upstream; each version hears it in its own way', async () => {
    for (const [version, code] of [
      [3, 1],
      [4, 0x80],
      [5, 0x87],
    ] as const) {
      const bench = new Bench(version);
      await bench.open();
      bench.send(subscribe(9, 'no/a'));
      assert.deepEqual(codes(bench.received()[0]), [code]);
      assert.equal(bench.link.named('subscribe').length, 0);
    }
  });

  it('for a shared subscription is judged by the filter behind the share name', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(1, '$share/group/no/a', '$share/group/ok/a'));
    assert.deepEqual(bench.link.named('subscribe'), [['subscribe', 1, ['$share/group/ok/a']]]);
  });

  it('beyond the ceiling of subscriptions is refused with 0x97, and giving one up makes room', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(1, 'ok/a', 'ok/b', 'ok/c', 'ok/d'));
    bench.link.receiver.suback({ type: 9, packetId: 1, reasonCodes: [0, 0, 0], properties: NO_PROPERTIES });
    assert.deepEqual(codes(bench.received()[0]), [0, 0, 0, 0x97]);
    bench.send({ type: PacketType.Unsubscribe, packetId: 2, filters: ['ok/a'], properties: NO_PROPERTIES });
    bench.send(subscribe(3, 'ok/d'));
    assert.equal(bench.link.named('subscribe').length, 2);
  });

  it('with more filters than a packet may carry ends the connection', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(1, 'ok/1', 'ok/2', 'ok/3', 'ok/4', 'ok/5'));
    assert.equal(reasonOf(bench.received()[0]), 0x97);
  });
});

describe('a delivery', () => {
  it('that the client may no longer read is withheld, and acknowledged to the upstream', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.link.deliver({ topic: 'no/1' }, 5);
    bench.link.deliver({ topic: 'no/1', qos: 1, packetId: 11 }, 5);
    bench.link.deliver({ topic: 'no/1', qos: 2, packetId: 12 }, 5);
    bench.link.deliver({ topic: 'ok/1', qos: 1, packetId: 13 }, 5);
    await settled();
    bench.link.receiver.acknowledge(PacketType.Pubrel, 12, 0);
    await settled();
    assert.deepEqual(bench.link.named('acknowledge'), [
      ['acknowledge', PacketType.Puback, 11, 0],
      ['acknowledge', PacketType.Pubrec, 12, 0],
      ['acknowledge', PacketType.Pubcomp, 12, 0],
    ]);
    assert.deepEqual(
      bench.received().map((packet) => (packet as { packetId?: number }).packetId),
      [13],
    );
    assert.equal(bench.named('delivery.withheld').length, 3);
  });

  it('by an alias that a withheld one introduced gets its topic back [MQTT-3.3.2-7]', async () => {
    const bench = new Bench(5, testPolicy({ authorizer: { forClient: () => allow('ok/#', 'late/#') } }));
    await bench.open();
    const policy = testPolicy({ generation: 2, authorizer: { forClient: () => allow('ok/#') } });
    bench.connection.applyPolicy(policy);
    bench.link.deliver({ topic: 'late/1', properties: { topicAlias: 1 } }, 5);
    bench.connection.applyPolicy(testPolicy({ generation: 3, authorizer: { forClient: () => allow('#') } }));
    bench.link.deliver({ topic: '', properties: { topicAlias: 1 } }, 5, 'late/1');
    bench.link.deliver({ topic: '', properties: { topicAlias: 1 } }, 5, 'late/1');
    assert.deepEqual(
      bench.received().map((packet) => (packet as { topic?: string }).topic),
      ['late/1', ''],
    );
  });

  it('that would be too large with its topic put back counts as delivered [MQTT-3.1.2-24] [MQTT-3.1.2-25]', async () => {
    const bench = new Bench(5, testPolicy({ authorizer: { forClient: () => allow('ok/#') } }));
    await bench.open({ properties: { maximumPacketSizeBytes: 30 } });
    const topic = `late/${'x'.repeat(20)}`;
    bench.link.deliver({ topic, properties: { topicAlias: 1 } }, 5);
    bench.connection.applyPolicy(testPolicy({ generation: 2, authorizer: { forClient: () => allow('#') } }));
    for (const packetId of [7, 8])
      bench.link.deliver({ topic: '', qos: 1, packetId, properties: { topicAlias: 1 } }, 5, topic);
    await settled();
    assert.deepEqual(bench.received(), []);
    assert.deepEqual(bench.link.named('acknowledge'), [
      ['acknowledge', PacketType.Puback, 7, 0],
      ['acknowledge', PacketType.Puback, 8, 0],
    ]);
    assert.deepEqual(
      bench.named('delivery.withheld').map(({ by }) => by),
      ['acl:default', 'client:maximumPacketSize', 'client:maximumPacketSize'],
    );
  });

  it('to a slow reader holds the next ones, and the connection ends when it stays slow', async () => {
    const bench = new Bench(4);
    await bench.open();
    bench.downstream.waitingBytes = 990;
    assert.equal(bench.link.deliver({ topic: 'ok/1' }, 4), true);
    assert.equal(bench.link.deliver({ topic: 'ok/1' }, 4), false);
    bench.clock.advance(4_999);
    assert.equal(bench.downstream.destroyed, false);
    bench.clock.advance(1);
    assert.equal(bench.downstream.destroyed, true);
    bench.connection.onClosed({ by: 'us', says: '', bytesIn: 0, bytesOut: 0 });
    assert.equal(bench.named('connection.closed')[0]!.by, 'limit:slowReaderTimeout');
  });

  it('goes on when the slow reader has caught up', async () => {
    const bench = new Bench(4);
    await bench.open();
    bench.downstream.waitingBytes = 2000;
    bench.link.deliver({ topic: 'ok/1' }, 4);
    bench.connection.onDrain();
    assert.equal(bench.link.named('resume').length, 1);
    bench.clock.advance(60_000);
    assert.equal(bench.downstream.destroyed, false);
  });

  it('that is a PINGRESP nobody reads does not pile up without end', async () => {
    const bench = new Bench(4);
    await bench.open();
    bench.downstream.waitingBytes = 2001;
    bench.send({ type: PacketType.Pingreq });
    assert.equal(bench.downstream.paused, true);
    bench.downstream.waitingBytes = 0;
    bench.connection.onDrain();
    assert.equal(bench.downstream.paused, false);
  });
});

describe('a change of policy', () => {
  it('unsubscribes what is no longer allowed, without the client seeing the UNSUBACK', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(subscribe(1, 'ok/a', 'ok/b'));
    bench.received();
    bench.connection.applyPolicy(testPolicy({ generation: 2, authorizer: { forClient: () => allow('ok/b') } }));
    const [call] = bench.link.named('unsubscribe') as [[string, number, string[]]];
    assert.deepEqual(call[2], ['ok/a']);
    bench.link.receiver.unsuback({ type: 11, packetId: call[1], reasonCodes: [0], properties: NO_PROPERTIES });
    assert.deepEqual(bench.received(), []);
    assert.partialDeepStrictEqual(bench.named('subscription.revoked')[0], { filter: 'ok/a', by: 'acl:default' });
  });

  it('ends the session of an identity that is no longer valid, and its Will is not published', async () => {
    const bench = new Bench(5);
    await bench.open();
    const { authenticator } = testPolicy();
    bench.connection.applyPolicy(
      testPolicy({ generation: 2, authenticator: { ...authenticator, stillValid: () => false } }),
    );
    assert.equal(reasonOf(bench.received()[0]), 0x87);
    assert.deepEqual(bench.link.named('close'), [['close', 0]]);
  });

  it('ends a connection whose Will has lost its grant', async () => {
    const bench = new Bench(4);
    const will = {
      topic: 'ok/w',
      payload: Buffer.from('x'),
      qos: 0,
      retain: false,
      properties: NO_PROPERTIES,
    } as const;
    await bench.open({ will });
    bench.connection.applyPolicy(testPolicy({ generation: 2, authorizer: { forClient: () => allow('other') } }));
    assert.equal(bench.downstream.ended, true);
    assert.deepEqual(bench.link.named('close'), [['close', 0]]);
  });
});

describe('an expiry', () => {
  const DAY_MS = 86_400_000;

  function expiring(expiresAtMs: number): ConnectionPolicy {
    const { authenticator } = testPolicy();
    const identity = { username: 'u', clientId: 'tester', method: 'token', credential: 'mark', expiresAtMs };
    return testPolicy({
      authenticator: { ...authenticator, authenticate: () => Promise.resolve({ ok: true, identity }) },
    });
  }

  it('of the identity ends the session, however far off it was, and its Will is not published', async () => {
    const bench = new Bench(5, expiring(new ManualClock().epochMs() + 60 * DAY_MS));
    await bench.open({ keepAliveS: 1200 });
    for (let minutes = 0; minutes < 60 * 24 * 60 - 15; minutes += 15) {
      bench.clock.advance(900_000);
      bench.send({ type: PacketType.Pingreq });
    }
    bench.clock.advance(899_999);
    assert.equal(bench.downstream.ended, false);
    bench.received();
    bench.clock.advance(1);
    const [packet] = bench.received();
    assert.equal(packet?.type, PacketType.Disconnect);
    assert.partialDeepStrictEqual(packet, { reasonCode: 0x87, properties: { reasonString: 'identity has expired' } });
    assert.deepEqual(bench.link.named('close'), [['close', 0]]);
    assert.equal(bench.clock.pendingCount, 0);
  });

  it('that has passed already ends the session with its first breath', async () => {
    const bench = new Bench(5, expiring(1));
    await bench.open();
    bench.clock.advance(0);
    assert.equal(bench.downstream.ended, true);
  });

  it('leaves nothing behind when the client goes first', async () => {
    const bench = new Bench(5, expiring(new ManualClock().epochMs() + DAY_MS));
    await bench.open();
    bench.connection.onClosed({ by: 'peer', says: '', bytesIn: 1, bytesOut: 1 });
    assert.equal(bench.clock.pendingCount, 0);
  });
});

describe('the guard of client certificates', () => {
  const certificate: CertificateFacts = {
    commonName: 'pump-7',
    subject: 'CN=pump-7',
    issuer: 'CN=CA',
    organizationalUnits: [],
    serial: '0a',
    fingerprint: 'f0',
    dnsNames: [],
    uris: [],
    emails: [],
    notAfterMs: 4_000_000_000_000,
    chain: [],
  };
  const revoked = { reason: 0x87, by: 'crl:ca.crl', says: 'certificate revoked', isRevoked: true };

  function guarded(guard: CertificateGuard): Bench {
    const bench = new Bench(5, testPolicy({ certificateGuard: guard }));
    Object.assign(bench.downstream.facts, { certificate });
    return bench;
  }

  it('keeps a revoked certificate out, whatever password comes with it, and says so', async () => {
    const bench = guarded({ admit: () => Promise.resolve(revoked), objection: () => undefined });
    const connack = await bench.open();
    assert.partialDeepStrictEqual(connack, { reasonCode: 0x87, properties: { reasonString: 'certificate revoked' } });
    assert.partialDeepStrictEqual(bench.named('certificate.revoked'), [
      { clientId: 'tester', by: 'crl:ca.crl', subject: 'CN=pump-7', serial: '0a', fingerprint: 'f0' },
    ]);
    assert.partialDeepStrictEqual(bench.named('authentication.failed'), [{ method: 'certificate', by: 'crl:ca.crl' }]);
    assert.deepEqual(bench.link.calls, []);
  });

  it('ends the live session when it objects later, and the Will is not published', async () => {
    let objection: typeof revoked | undefined;
    const bench = guarded({ admit: () => Promise.resolve(undefined), objection: () => objection });
    await bench.open();
    assert.equal(bench.connection.recheckIdentity(), true);
    objection = revoked;
    assert.equal(bench.connection.recheckIdentity(), false);
    assert.partialDeepStrictEqual(bench.received(), [
      { type: PacketType.Disconnect, reasonCode: 0x87, properties: { reasonString: 'certificate revoked' } },
    ]);
    assert.deepEqual(bench.link.named('close'), [['close', 0]]);
    assert.equal(bench.named('certificate.revoked').length, 1);
  });

  it('is heard again after a slow method, which may have been overtaken by a revocation', async () => {
    const bench = guarded({ admit: () => Promise.resolve(undefined), objection: () => revoked });
    assert.equal(reasonOf(await bench.open()), 0x87);
    assert.equal(bench.named('authentication.succeeded').length, 0);
  });

  it('that fails inside lets nobody in', async () => {
    const bench = guarded({ admit: () => Promise.reject(new Error('bug')), objection: () => undefined });
    assert.equal(reasonOf(await bench.open()), 0x80);
    assert.equal(bench.named('authentication.failed')[0]!.by, 'certificate:internal');
  });

  it('that never answers is overtaken by the deadline', async () => {
    const bench = guarded({ admit: () => new Promise(() => undefined), objection: () => undefined });
    await bench.open();
    bench.clock.advance(10_000);
    assert.equal(bench.named('connect.refused')[0]!.by, 'limit:connectTimeout');
    assert.equal(bench.downstream.ended, true);
  });
});

describe('endings', () => {
  it('a second CONNECT ends the connection with 0x82 [MQTT-3.1.0-2]', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send(bench.connectPacket());
    assert.equal(reasonOf(bench.received()[0]), 0x82);
  });

  it('a DISCONNECT may not give an expiry to a session that had none [MQTT-3.14.2-2]', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.send({ type: PacketType.Disconnect, reasonCode: 0, properties: { sessionExpiryIntervalS: 10 } });
    assert.equal(reasonOf(bench.received()[0]), 0x82);
  });

  it('a takeover is passed on to a v5 client as 0x8E', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.link.receiver.closed({ type: PacketType.Disconnect, reasonCode: 0x8e, properties: NO_PROPERTIES });
    assert.equal(reasonOf(bench.received()[0]), 0x8e);
    assert.equal(bench.downstream.ended, true);
  });

  it('an upstream that cannot be reached is told as 0x88, and where it stands only to those who read events', async () => {
    const bench = new Bench(5);
    bench.link.connackAnswer = undefined;
    await bench.open();
    const reasonString = 'the upstream default is not available (mqtt://10.0.0.7:1883: nothing listens there)';
    bench.link.receiver.closed({ type: PacketType.Disconnect, reasonCode: 0x88, properties: { reasonString } });
    const [connack] = bench.received();
    assert.ok(connack?.type === PacketType.Connack && connack.reasonCode === 0x88);
    assert.equal(connack.properties.reasonString, 'the upstream is not available');
    assert.equal(bench.named('connect.refused')[0]?.says, reasonString);
  });

  it('an upstream that goes away is told as 0x89', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.link.receiver.closed(undefined);
    assert.equal(reasonOf(bench.received()[0]), 0x89);
  });

  it('one that leaves refuses nobody: what is being opened is ended when it is open', async () => {
    const cause = { reason: 0x8b, by: 'gateway:shutdown', says: 'bye' };
    const bench = new Bench(5);
    bench.connection.leave(cause);
    assert.equal(reasonOf(await bench.open()), 0x00);
    await settled();
    assert.equal(bench.downstream.ended, true);
    assert.equal(bench.named('connection.closed').length + bench.named('client.connected').length, 1);
    const opening = new Bench(5);
    opening.link.connackAnswer = undefined;
    await opening.open();
    opening.connection.leave(cause);
    opening.connection.leave(cause);
    assert.deepEqual(opening.received(), []);
    const silent = new Bench(5);
    silent.connection.leave(cause);
    assert.equal(silent.downstream.ended, false);
    silent.connection.leave(cause);
    assert.equal(silent.downstream.ended, true);
  });

  it('a shutdown refuses with a code that CONNACK has', async () => {
    const bench = new Bench(5);
    bench.link.connackAnswer = undefined;
    await bench.open();
    bench.connection.shut(0x8b, 'gateway:shutdown', 'bye');
    assert.equal(reasonOf(bench.received()[0]), 0x88);
  });

  it('nothing reaches the client or the link after the end', async () => {
    const bench = new Bench(5);
    await bench.open();
    bench.connection.shut(0x8b, 'gateway:shutdown', 'bye');
    assert.equal(reasonOf(bench.received()[0]), 0x8b);
    bench.send(bench.publish('ok/1'));
    bench.link.deliver({ topic: 'ok/1' }, 5);
    bench.link.receiver.pong();
    assert.deepEqual(bench.received(), []);
    assert.equal(bench.link.named('publish').length, 0);
    assert.equal(bench.link.named('close').length, 1);
  });

  it('a reason string that would exceed the Maximum Packet Size of the client is left out [MQTT-3.14.2-3]', async () => {
    const bench = new Bench(5);
    await bench.open({ properties: { maximumPacketSizeBytes: 20 } });
    bench.connection.shut(0x8b, 'test', 'a sentence that is much too long for so small a client');
    const [packet] = bench.received();
    assert.equal(reasonOf(packet), 0x8b);
    assert.deepEqual((packet as { properties: object }).properties, {});
  });

  it('a client that declined problem information gets no reason string on a PUBACK [MQTT-3.1.2-29]', async () => {
    const bench = new Bench(5);
    await bench.open({ properties: { requestProblemInformation: false } });
    bench.send(bench.publish('no/1', { qos: 1 }));
    assert.deepEqual((bench.received()[0] as { properties: object }).properties, {});
  });
});
