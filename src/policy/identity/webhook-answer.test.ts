import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackendFault } from './backend.ts';
import { readWebhookAnswer } from './webhook-answer.ts';

test('limits come as a map of texts and numbers', () => {
  const limits = { 'publish.messagesPerSecond': 10, 'publish.bytesPerSecond': '2KB burst 64KB' };
  assert.deepEqual(
    { ...readWebhookAnswer({ result: 'allow', limits }).limits },
    { 'publish.messagesPerSecond': '10', 'publish.bytesPerSecond': '2KB burst 64KB' },
  );
  assert.deepEqual({ ...readWebhookAnswer({ result: 'allow' }).limits }, {});
});

test('limits that are anything else are no answer', () => {
  for (const limits of ['10', [1], { 'a b': 1 }, { a: {} }, { a: '' }, { a: 'x\n' }]) {
    assert.throws(() => readWebhookAnswer({ result: 'allow', limits }), BackendFault, JSON.stringify(limits));
  }
});
