import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodePacket } from './encode.ts';
import type { Frame } from './frame.ts';
import { scanPublish } from './packets/publish.ts';
import { PublishView } from './publish-view.ts';
import { DEFAULT_RULES } from './rules.ts';
import { TopicTable } from './topic-table.ts';
import { PacketType } from './wire.ts';

const STRICT = { ...DEFAULT_RULES, rejectControlCharacters: true };

function publish(topic: string): Frame {
  const bytes = encodePacket(
    {
      type: PacketType.Publish,
      dup: false,
      qos: 0,
      retain: false,
      topic,
      packetId: 0,
      payload: Buffer.from('23.5'),
      properties: {},
    },
    4,
  );
  return { bytes, start: 0, bodyStart: 2, end: bytes.length };
}

describe('a topic that is the last one again', () => {
  it('is told by the scan, and is the entry of the last lookup', () => {
    const topics = new TopicTable<never>();
    const view = new PublishView();
    const scan = (topic: string): boolean => {
      assert.equal(scanPublish(view, publish(topic), 4, 'client', DEFAULT_RULES, topics), undefined);
      return view.repeatsTopic;
    };
    assert.equal(scan('a/b'), false);
    const entry = topics.lookup(view.bytes, view.topicStart, view.topicEnd);
    assert.equal(scan('a/b'), true);
    assert.equal(topics.recent, entry);
    assert.equal(scan('a/c'), false);
    assert.equal(scan('a/bb'), false);
    topics.lookup(view.bytes, view.topicStart, view.topicEnd);
    assert.equal(scan('a/b'), false);
    assert.equal(topics.lookup(view.bytes, view.topicStart, view.topicEnd), entry);
    assert.equal(scan('a/b'), true);
  });

  it('is checked again where the rule is another one now', () => {
    const topics = new TopicTable<never>();
    const view = new PublishView();
    const frame = publish('a\u0001');
    assert.equal(scanPublish(view, frame, 4, 'client', DEFAULT_RULES, topics), undefined);
    topics.lookup(view.bytes, view.topicStart, view.topicEnd);
    assert.notEqual(scanPublish(view, frame, 4, 'client', STRICT, topics), undefined);
    assert.notEqual(scanPublish(view, frame, 4, 'client', STRICT, topics), undefined);
    assert.equal(scanPublish(view, frame, 4, 'client', DEFAULT_RULES, topics), undefined);
    assert.equal(view.repeatsTopic, false);
  });

  it('makes no other judgement than a scan without a table', () => {
    const topic = fc.constantFrom('a', 'b', 'a/b', 'a/#', '+', 'é', 'a\u0000', 'a\u0001', 'b\u0001');
    const steps = fc.array(fc.tuple(topic, fc.boolean()), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (sent) => {
        const topics = new TopicTable<never>();
        const [view, plain] = [new PublishView(), new PublishView()];
        for (const [name, isStrict] of sent) {
          const rules = isStrict ? STRICT : DEFAULT_RULES;
          const frame = publish(name);
          const fault = scanPublish(view, frame, 4, 'client', rules, topics);
          assert.equal(fault, scanPublish(plain, frame, 4, 'client', rules));
          if (fault !== undefined) continue;
          const entry = view.repeatsTopic ? topics.recent : topics.lookup(view.bytes, view.topicStart, view.topicEnd);
          assert.equal(entry?.topic, name);
        }
      }),
      {
        numRuns: 500,
        examples: [
          [
            [
              ['a', false],
              ['a\u0001', true],
              ['a\u0001', false],
              ['a\u0001', true],
            ],
          ],
        ],
      },
    );
  });
});
