import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configFrom } from './config/load.ts';
import { largestPacketOf } from './limit-rules.ts';

function largestOf(limits: string, ofListener = ''): number {
  const listener = `{ name: a, type: ws, port: 0${ofListener} }`;
  const { config } = configFrom('sallyport.yaml', `listeners: [${listener}]\nlimits: ${limits}\n`);
  return largestPacketOf(config, config.listeners[0]!);
}

describe('the largest packet of a listener', () => {
  it('is what all may send, or what the listener says instead', () => {
    assert.equal(largestOf('{ packetSizeMax: 1KiB }'), 1024);
    assert.equal(largestOf('{ packetSizeMax: 1KiB }', ', limits: { packetSizeMax: 2KiB }'), 2048);
    assert.equal(largestOf('{ packetSizeMax: 4KiB }', ', limits: { packetSizeMax: 2KiB }'), 2048);
  });

  it('is what some may send, where that is more', () => {
    assert.equal(largestOf('{ packetSizeMax: 1KiB, user: { packetSizeMax: 3KiB } }'), 3072);
    assert.equal(largestOf('{ packetSizeMax: 1KiB, client: { packetSizeMax: 512B } }'), 1024);
    assert.equal(largestOf('{ packetSizeMax: 1KiB, roles: [{ role: camera, packetSizeMax: 1MiB }] }'), 1_048_576);
  });
});
