import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeDescriptorRoom } from './descriptor-room.ts';
import { descriptorLimit } from './overload/measures.ts';

const skip = process.platform === 'linux' ? false : 'only Linux has a table that is looked into here';

/** Slots of the table, used or not. */
function tableSize(): number {
  return Number(/^FDSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}

test('the table of descriptors has grown before anybody comes, and nothing is left open', { skip }, async () => {
  const wanted = Math.min(2048, descriptorLimit()! / 2);
  assert.ok(tableSize() < wanted, 'the process of a test has opened few files');
  const before = readdirSync('/proc/self/fd').length;
  const highest = await makeDescriptorRoom(wanted);
  assert.equal(highest, wanted - 1);
  assert.ok(tableSize() >= wanted);
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('no more than half of what the process may have is open meanwhile', { skip }, async () => {
  assert.equal(await makeDescriptorRoom(Number.POSITIVE_INFINITY), Math.ceil(descriptorLimit()! / 2) - 1);
});
