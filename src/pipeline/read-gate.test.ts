import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench } from '../../test/kit/pipeline-bench.ts';
import { encodePacket } from '../mqtt/encode.ts';
import { NO_PROPERTIES } from '../mqtt/properties.ts';
import { PacketType } from '../mqtt/wire.ts';
import { LOOK_EVERY, rests } from './read-gate.ts';

const PACKETS = 5 * LOOK_EVERY;
const FILTERS = 4;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** An open connection, each of whose packets takes a quarter of a millisecond, that reads many in one chunk. */
async function flood() {
  await rests.whenIdle();
  const bench = new Bench(5);
  await bench.open();
  const { link, clock, connection } = bench;
  const publish = link.publish.bind(link);
  link.publish = (packet) => {
    clock.advance(0.25);
    return publish(packet);
  };
  const packets = Array.from({ length: PACKETS }, (_, i) =>
    encodePacket(
      {
        type: PacketType.Publish,
        dup: false,
        qos: 0,
        retain: false,
        packetId: 0,
        topic: 'ok/a',
        payload: Buffer.from(String(i)),
        properties: NO_PROPERTIES,
      },
      5,
    ),
  );
  const chunk = Buffer.concat(packets);
  connection.onBytes(chunk);
  // Whoever lent it uses it again.
  chunk.fill(0);
  return { bench, taken: () => link.named('publish').map((call) => Number(call[3])) };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('a chunk full of packets takes a part of each turn, and nothing is read meanwhile', async () => {
  const { bench, taken } = await flood();
  assert.deepEqual(taken(), upTo(LOOK_EVERY));
  assert.equal(bench.downstream.paused, true);
  await turn();
  assert.deepEqual(taken(), upTo(2 * LOOK_EVERY));
  for (let i = 0; i < 4; i++) await turn();
  assert.deepEqual(taken(), upTo(PACKETS));
  assert.equal(bench.downstream.paused, false);
});

test('what waits for its turn when the client closes is taken before its end', async () => {
  const { bench, taken } = await flood();
  bench.connection.onClosed({ by: 'peer', says: '', bytesIn: 1, bytesOut: 1 });
  assert.deepEqual(taken(), upTo(PACKETS));
  await turn();
  assert.deepEqual(taken(), upTo(PACKETS));
});

test('of a client whose end is decided nothing is taken that was read before', async () => {
  const { bench, taken } = await flood();
  bench.connection.client.isCondemned = true;
  await turn();
  assert.deepEqual(taken(), upTo(LOOK_EVERY));
});

test('packets that cost little are taken at once, however many', async () => {
  const bench = new Bench(5);
  await bench.open();
  const ping = Buffer.alloc(2000);
  for (let at = 0; at < ping.length; at += 2) ping[at] = 0xc0;
  bench.connection.onBytes(ping);
  assert.equal(bench.link.named('ping').length, 1000);
  assert.equal(bench.downstream.paused, false);
});

/** An open connection whose filters take a twentieth of a millisecond each, four in a packet. */
async function scan(filter: string) {
  await rests.whenIdle();
  const bench = new Bench(5);
  await bench.open();
  const { clock, connection } = bench;
  const took = (): void => clock.advance(0.05);
  const { conduct } = connection.client;
  const refused = conduct.refused.bind(conduct);
  conduct.refused = () => {
    took();
    refused();
  };
  const holds = connection.client.holds.bind(connection.client);
  connection.client.holds = (held) => {
    took();
    holds(held);
  };
  const subscriptions = Array.from({ length: FILTERS }, (_, i) => ({
    filter: `${filter}/${i}`,
    qos: 0 as const,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0 as const,
  }));
  const packets = Array.from({ length: PACKETS }, (_, i) =>
    encodePacket({ type: PacketType.Subscribe, packetId: i + 1, subscriptions, properties: NO_PROPERTIES }, 5),
  );
  connection.onBytes(Buffer.concat(packets));
  return bench;
}

test('filters count as packets do, since each is as much work', async () => {
  const { link } = await scan('ok');
  assert.equal(link.named('subscribe').length, LOOK_EVERY / FILTERS);
  await turn();
  assert.equal(link.named('subscribe').length, (2 * LOOK_EVERY) / FILTERS);
  await rests.whenIdle();
  assert.equal(link.named('subscribe').length, PACKETS);
});

test('one whose packets are mostly refused rests behind a millisecond of them', async () => {
  const { downstream, clock } = await scan('secret');
  const answered = (): number => downstream.packets(5).filter(({ type }) => type === PacketType.Suback).length;
  assert.equal(answered(), LOOK_EVERY / FILTERS);
  await turn();
  await turn();
  assert.equal(answered(), 0);
  assert.equal(downstream.paused, true);
  clock.advance(10);
  await turn();
  assert.equal(answered(), LOOK_EVERY / FILTERS);
});
