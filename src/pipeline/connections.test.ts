import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench } from '../../test/kit/pipeline-bench.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { TurnShare } from '../base/turn-share.ts';
import { encodePacket } from '../mqtt/encode.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';
import { Connections } from './connections.ts';

const PUBLISH = encodePacket(
  {
    type: PacketType.Publish,
    dup: false,
    qos: 0,
    retain: false,
    packetId: 0,
    topic: 'ok/a',
    payload: Buffer.from('x'),
    properties: NO_PROPERTIES,
  },
  5,
);

/** Three open connections of one address, of which a turn has time to end two. */
async function crowd() {
  const shareClock = new ManualClock();
  const connections = new Connections(new TurnShare(shareClock, 2));
  const benches = [new Bench(5), new Bench(5), new Bench(5)];
  for (const bench of benches) {
    await bench.open();
    connections.add(bench.connection);
    bench.downstream.end = () => {
      bench.downstream.ended = true;
      shareClock.advance(1);
    };
  }
  return { connections, benches, ended: () => benches.map(({ downstream }) => downstream.ended) };
}

const ADDRESS = { kind: 'address', value: '192.0.2.7' } as const;

test('of a crowd that has to go, a turn ends a share, and the next one the rest', async () => {
  const { connections, ended } = await crowd();
  connections.end(ADDRESS, 0x98, 'detector:test', 'for a test');
  assert.deepEqual(ended(), [true, true, false]);
  await new Promise(setImmediate);
  assert.deepEqual(ended(), [true, true, true]);
});

test('nothing is heard any more of those who wait for their end', async () => {
  const { connections, benches } = await crowd();
  const last = benches[2]!;
  last.connection.onBytes(PUBLISH);
  assert.equal(last.link.named('publish').length, 1);
  connections.end(ADDRESS, 0x98, 'detector:test', 'for a test');
  last.connection.onBytes(PUBLISH);
  assert.equal(last.downstream.ended, false);
  assert.equal(last.link.named('publish').length, 1);
});

test('whoever waits for the end is not ended twice', async () => {
  const { connections, benches } = await crowd();
  connections.end(ADDRESS, 0x98, 'detector:test', 'for a test');
  connections.end(ADDRESS, 0x98, 'detector:other', 'for another');
  await new Promise(setImmediate);
  assert.deepEqual(
    benches.map(({ link }) => link.named('close')),
    [[['close', 0]], [['close', 0]], [['close', 0]]],
  );
});
