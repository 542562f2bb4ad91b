/** Grants that depend on the message, all the way through a connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import type { Packet } from '../mqtt/packet.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import type { AccessDecision, ClientAuthorization, PublishFacts } from '../policy/authorization/decision.ts';
import type { ConnectionPolicy } from './policy.ts';

const YES: AccessDecision = { allowed: true, by: 'policy:p:1' };
const NO: AccessDecision = { allowed: false, by: 'policy:p:2' };

/** Allowed are messages that are not retained, up to QoS 1, with at most 4 bytes. */
function small({ qos, retain, payloadBytes }: PublishFacts): AccessDecision {
  return qos <= 1 && !retain && payloadBytes <= 4 ? YES : NO;
}

/** How often a topic was asked about. */
const asked: string[] = [];

function open(depends: (facts: PublishFacts) => AccessDecision = small): ConnectionPolicy {
  const decide = (topic: string): AccessDecision => {
    asked.push(topic);
    return { allowed: false, by: 'policy:p:1', depends };
  };
  const rights: ClientAuthorization = { publish: decide, receive: decide, subscribe: () => YES };
  return testPolicy({ authorizer: { forClient: () => rights } });
}

function reasons(packets: Packet[]): number[] {
  return packets.map((packet) => (packet as { reasonCode: number }).reasonCode);
}

test('a PUBLISH on a topic that is known is judged by its own QoS, retain flag and size', async () => {
  const bench = new Bench(5, open());
  await bench.open();
  asked.length = 0;
  bench.send(
    bench.publish('t', { qos: 1, payload: Buffer.from('1234') }),
    bench.publish('t', { qos: 1, retain: true, packetId: 2 }),
    bench.publish('t', { qos: 2, packetId: 3 }),
    bench.publish('t', { qos: 1, packetId: 4, payload: Buffer.from('12345') }),
    bench.publish('t', { payload: Buffer.from('last') }),
  );
  assert.deepEqual(
    bench.link.named('publish').map(([, , , payload]) => payload),
    ['1234', 'last'],
  );
  assert.deepEqual(reasons(bench.received()), [0x87, 0x87, 0x87]);
  assert.deepEqual(
    bench.named('publish.refused').map(({ by, retain, qos }) => [by, retain, qos]),
    [
      ['policy:p:2', true, 1],
      ['policy:p:2', false, 2],
      ['policy:p:2', false, 1],
    ],
  );
  assert.deepEqual(asked, ['t']);
});

test('an answer that changes with time is asked for anew', async () => {
  let isOpen = true;
  const bench = new Bench(
    5,
    open(() => (isOpen ? YES : NO)),
  );
  await bench.open();
  bench.send(bench.publish('t'));
  isOpen = false;
  bench.send(bench.publish('t'));
  isOpen = true;
  bench.send(bench.publish('t'));
  assert.equal(bench.link.named('publish').length, 2);
});

test('a Will is judged as the message that it will be', async () => {
  const will = { topic: 't', qos: 1, retain: false, payload: Buffer.from('gone'), properties: NO_PROPERTIES } as const;
  const admitted = new Bench(5, open());
  assert.equal(reasons([(await admitted.open({ will }))!])[0], 0);
  for (const change of [{ retain: true }, { qos: 2 }, { payload: Buffer.from('12345') }] as const) {
    const refused = new Bench(5, open());
    assert.equal(reasons([(await refused.open({ will: { ...will, ...change } }))!])[0], 0x87);
    assert.equal(refused.named('will.refused')[0]!.by, 'policy:p:2');
  }
});

test('a delivery is judged by its own QoS and retain flag', async () => {
  const bench = new Bench(5, open());
  await bench.open();
  bench.received();
  bench.link.deliver({ topic: 't', payload: Buffer.from('seen') }, 5);
  bench.link.deliver({ topic: 't', retain: true }, 5);
  assert.equal(bench.received().length, 1);
  assert.equal(bench.named('delivery.withheld')[0]!.by, 'policy:p:2');
});
