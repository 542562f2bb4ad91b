import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedDisk } from '../../test/kit/simulated-disk.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { topicMatchesFilter } from '../mqtt/topic.ts';
import { type BrokerCeilings, Ceilings } from './ceilings.ts';
import { NO_BYTES } from './forwarded-properties.ts';
import { Message } from './message.ts';
import { RetainedStore } from './retained-store.ts';

function make(limits: Partial<BrokerCeilings> = {}) {
  const clock = new ManualClock();
  const disk = new SimulatedDisk();
  const store = new RetainedStore(disk, clock, new Ceilings(limits, clock, () => undefined));
  const message = (topic: string, payload = 'x', lifeS?: number) =>
    new Message({
      id: 1,
      topic,
      payload: Buffer.from(payload),
      qos: 1,
      retain: true,
      propertyBytes: NO_BYTES,
      expiresAtMs: lifeS === undefined ? undefined : clock.epochMs() + lifeS * 1000,
      publisher: 'p',
    });
  return { clock, disk, store, message };
}

const topicsOf = (messages: Iterable<Message>): string[] => [...messages].map(({ topic }) => topic).sort();

const level = fc.constantFrom('x', 'y', '', '$SYS');
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '');
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.oneof(level, fc.constantFrom('+', '#')))
  .map(([levels, last]) => [...levels, last].join('/'))
  .filter((text) => text !== '');

test('[MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-4.7.2-1] a filter finds exactly the retained messages whose topic it matches, through any changes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(topic, fc.boolean()), { maxLength: 40 }),
      fc.array(filter, { minLength: 1, maxLength: 5 }),
      (changes, filters) => {
        const { store, message } = make();
        const model = new Map<string, number>();
        for (const [one, isRemoved] of changes) {
          if (isRemoved) {
            store.delete(one);
            model.delete(one);
          } else {
            store.put(message(one));
            model.set(one, one.length + 1);
          }
          assert.equal(store.count, model.size);
          assert.equal(
            store.bytes,
            [...model.values()].reduce((sum, size) => sum + size, 0),
          );
          for (const each of filters) {
            const expected = [...model.keys()].filter((known) => topicMatchesFilter(known, each)).sort();
            assert.deepEqual(topicsOf(store.matching(each)), expected);
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('[MQTT-3.3.2-5] an expired message is not found, and gone from the store', async () => {
  const { store, message, clock, disk } = make();
  store.put(message('t/short', 'x', 5));
  store.put(message('t/long', 'x', 50));
  clock.advance(5_000);
  assert.deepEqual(topicsOf(store.matching('t/+')), ['t/long']);
  assert.equal(store.get('t/short'), undefined);
  assert.deepEqual(
    (await disk.load()).retained.map((row) => row.topic),
    ['t/long'],
  );
});

test('at a ceiling there is room for another message on a known topic, and for what expired messages leave', () => {
  const { store, message, clock } = make({ retainedMessagesMax: 2, retainedBytesMax: 100 });
  store.put(message('a', 'x', 10));
  store.put(message('b'));
  assert.equal(store.hasRoom('c', 2), false);
  assert.equal(store.hasRoom('b', 90), true);
  assert.equal(store.hasRoom('b', 99), false);
  clock.advance(10_000);
  assert.equal(store.hasRoom('c', 2), true);
  assert.equal(store.count, 1);
});

test('a search goes on while messages come and go, and a deep filter does not exhaust the stack', () => {
  const { store, message } = make();
  for (let i = 0; i < 100; i++) store.put(message(`t/${i}`));
  const found = store.matching('t/#');
  found.next();
  for (let i = 0; i < 100; i++) store.delete(`t/${i}`);
  assert.ok([...found].length <= 100);
  const deep = 'd/'.repeat(20_000);
  store.put(message(deep));
  assert.deepEqual(topicsOf(store.matching('#')), [deep]);
  assert.deepEqual(topicsOf(store.matching(`${'+/'.repeat(20_000)}#`)), [deep]);
  store.delete(deep);
  assert.equal(store.count, 0);
});
