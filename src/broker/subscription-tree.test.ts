import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { topicMatchesFilter } from '../mqtt/topic.ts';
import type { QoS } from '../mqtt/wire.ts';
import { type Subscriber, Subscription } from './subscription.ts';
import { parseFilter, SubscriptionTree } from './subscription-tree.ts';

function subscriber(clientId: string): Subscriber {
  return { clientId, persistent: false, connected: true, ready: true, offer: () => undefined };
}

const SUBSCRIBERS = ['a', 'b', 'c'].map(subscriber);

function subscription(of: Subscriber, filter: string, qos: QoS = 0, identifiers: number[] = []): Subscription {
  const options = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
  return new Subscription(of, options, identifiers);
}

const level = fc.constantFrom('x', 'y', '', '$SYS');
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '');
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.oneof(level, fc.constantFrom('+', '#')))
  .map(([levels, last]) => [...levels, last].join('/'))
  .filter((text) => text !== '');
const change = fc.record({
  who: fc.nat({ max: 2 }),
  filter,
  share: fc.constantFrom('', '', '$share/g/', '$share/h/'),
  isRemoved: fc.boolean(),
});

test('[MQTT-4.7.2-1] [MQTT-4.7.3-4] [MQTT311-4.7.2-1] [MQTT-3.3.2-3] a topic finds exactly the subscriptions whose filter matches it, through any changes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, topic), { maxLength: 60 }), (steps) => {
      const tree = new SubscriptionTree();
      const model = new Set<string>();
      const topics = [...new Set(steps.map(([, one]) => one))];
      for (const [{ who, filter: plain, share, isRemoved }] of steps) {
        const { clientId } = SUBSCRIBERS[who]!;
        const full = share + plain;
        if (isRemoved) {
          tree.remove(clientId, full);
          model.delete(`${clientId} ${full}`);
        } else {
          tree.put(subscription(SUBSCRIBERS[who]!, full));
          model.add(`${clientId} ${full}`);
        }
        assert.equal(tree.count, model.size);
        for (const one of topics) {
          const match = tree.match(one);
          const found = match.subscriptions.map((each) => each.subscriber.clientId).sort();
          const entries = [...model].map((entry) => ({ clientId: entry[0]!, ...parseFilter(entry.slice(2))! }));
          const matching = entries.filter((entry) => topicMatchesFilter(one, entry.filter));
          const own = matching.filter((entry) => entry.share === undefined).map((entry) => entry.clientId);
          assert.deepEqual(found, [...new Set(own)].sort());
          const shared = matching.filter((entry) => entry.share !== undefined);
          const groups = new Set(shared.map((entry) => `${entry.share} ${entry.filter}`));
          assert.equal(match.groups.length, groups.size);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('[MQTT-3.3.4-2] [MQTT-3.3.4-4] [MQTT311-3.3.5-1] overlapping subscriptions of a session are one, at the highest QoS, with all identifiers', () => {
  const tree = new SubscriptionTree();
  const [a, b] = SUBSCRIBERS;
  tree.put(subscription(a!, 'x/#', 0, [1]));
  tree.put(subscription(a!, 'x/+', 2, [2]));
  tree.put(subscription(a!, 'x/y', 1));
  tree.put(subscription(b!, 'x/y', 1, [9]));
  const found = new Map(tree.match('x/y').subscriptions.map((one) => [one.subscriber.clientId, one]));
  assert.equal(found.size, 2);
  assert.equal(found.get('a')!.qos, 2);
  assert.deepEqual([...found.get('a')!.identifiers].sort(), [1, 2]);
  assert.deepEqual(found.get('b')!.identifiers, [9]);
});

test('the answer for a topic is kept until a subscription changes', () => {
  const tree = new SubscriptionTree();
  tree.put(subscription(SUBSCRIBERS[0]!, 'x/+'));
  const match = tree.match('x/y');
  assert.equal(tree.match('x/y'), match);
  tree.put(subscription(SUBSCRIBERS[0]!, 'x/+'));
  assert.equal(tree.match('x/y'), match, 'asking again for what one has changes nothing');
  tree.put(subscription(SUBSCRIBERS[0]!, 'x/+', 1));
  assert.equal(tree.match('x/y').subscriptions[0]!.qos, 1);
});

test('a subscription without wildcards concerns its own topic alone', () => {
  const tree = new SubscriptionTree();
  tree.put(subscription(SUBSCRIBERS[0]!, 'x/+'));
  const match = tree.match('x/y');
  tree.put(subscription(SUBSCRIBERS[1]!, 'x/z'));
  tree.remove('b', 'x/z');
  assert.equal(tree.match('x/y'), match);
});

test('nothing of a subscriber is kept once its subscriptions are gone', async () => {
  const tree = new SubscriptionTree();
  const visit = (i: number): WeakRef<Subscriber> => {
    const one = subscriber(`passing-${i}`);
    // Each is in answers for topics that nobody asks for again.
    for (const filter of [`own/${i}`, `$share/g/shared/${i}`, 'all/+']) tree.put(subscription(one, filter));
    for (const topic of [`own/${i}`, `shared/${i}`, `all/${i}`]) tree.match(topic);
    for (const filter of [`own/${i}`, `$share/g/shared/${i}`, 'all/+']) tree.remove(one.clientId, filter);
    return new WeakRef(one);
  };
  const gone = Array.from({ length: 100 }, (_, i) => visit(i));
  // What a WeakRef was made for lives until the turn ends.
  await nextTurn();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const kept = gone.map((one) => one.deref()?.clientId).filter((clientId) => clientId !== undefined);
  assert.deepEqual(kept, []);
  assert.equal(tree.match('own/1').subscriptions.length, 0);
});

test('no number of topics makes the kept answers grow without bound', () => {
  const tree = new SubscriptionTree();
  for (let i = 0; i < 500; i++) tree.put(subscription(subscriber(`s${i}`), '#'));
  for (let i = 0; i < 12_000; i++) assert.equal(tree.match(`t/${i}`).subscriptions.length, 500);
  tree.remove('s0', '#');
  assert.equal(tree.match('t/1').subscriptions.length, 499);
});

test('a filter that nobody checked is ignored or kept, and never breaks the tree', () => {
  const tree = new SubscriptionTree();
  for (const bad of ['', '$share', '$share/', '$share//x', '$share/g', '$share/g/', '$share/g']) {
    tree.put(subscription(SUBSCRIBERS[0]!, bad));
    tree.remove('a', bad);
  }
  tree.put(subscription(SUBSCRIBERS[0]!, 'x/#/y'));
  assert.equal(tree.match('x/z/y').subscriptions.length, 0);
  const deep = '/'.repeat(60_000);
  tree.put(subscription(SUBSCRIBERS[0]!, deep));
  assert.equal(tree.match(deep).subscriptions.length, 1);
  tree.remove('a', deep);
  tree.remove('a', 'x/#/y');
  assert.equal(tree.count, 0);
});
