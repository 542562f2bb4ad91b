import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_BYTES } from './forwarded-properties.ts';
import { Message } from './message.ts';
import { MessageQueue } from './message-queue.ts';

function message(sizeBytes: number): Message {
  return new Message({
    id: 1,
    topic: 't',
    payload: new Uint8Array(sizeBytes - 1),
    qos: 1,
    retain: false,
    propertyBytes: NO_BYTES,
    expiresAtMs: undefined,
    publisher: 'p',
  });
}

test('a queue is full by number or by bytes, exactly, through any pushes and shifts', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (sizes) => {
      const queue = new MessageQueue<{ message: Message }>();
      const model: number[] = [];
      for (const size of sizes) {
        if (size === 0) {
          assert.equal(queue.shift()?.message.sizeBytes, model.shift());
          continue;
        }
        const bytes = model.reduce((sum, one) => sum + one, 0);
        const expected = model.length >= 5 ? 'messages' : bytes + size > 50 ? 'bytes' : undefined;
        assert.equal(queue.fullFor(size, 5, 50), expected);
        if (expected !== undefined) continue;
        queue.push({ message: message(size) });
        model.push(size);
      }
      assert.deepEqual(
        [...queue].map((item) => item.message.sizeBytes),
        model,
      );
      queue.clear();
      assert.equal(queue.fullFor(50, 1, 50), undefined);
    }),
  );
});
