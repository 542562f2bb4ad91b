import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench, testPolicy } from '../../test/kit/pipeline-bench.ts';
import { encodePacket } from '../mqtt/encode.ts';
import { PacketType } from '../mqtt/wire.ts';

const CEILING = 1000;

function benchOf(version: 3 | 4 | 5): Bench {
  const { limits, ...policy } = testPolicy();
  return new Bench(version, { ...policy, limits: { ...limits, connectSizeMaxBytes: CEILING } });
}

/** A CONNECT of exactly this size, whose password is right where it is given. */
function connectOf(bench: Bench, sizeBytes: number): Buffer {
  const bare = encodePacket(bench.connectPacket({ clientId: '' }), bench.version).length;
  // Its length takes one byte more than that of a short one.
  return encodePacket(bench.connectPacket({ clientId: 'x'.repeat(sizeBytes - bare - 1) }), bench.version);
}

test('a CONNECT above connectSizeMax is refused at its header: 0x95 for v5, and nothing of it is kept', () => {
  const bench = benchOf(5);
  const bytes = connectOf(bench, CEILING + 1);
  assert.equal(bytes.length, CEILING + 1);
  bench.connection.onBytes(bytes.subarray(0, 20));
  const [answer] = bench.received();
  assert.ok(answer?.type === PacketType.Connack && answer.reasonCode === 0x95);
  assert.match(answer.properties.reasonString ?? '', /limits\.connectSizeMax/);
  assert.equal(bench.downstream.ended, true);
  const [event] = bench.named('packet.faulted');
  assert.equal(event?.fault, 'packet_too_large');
  assert.match(event?.says ?? '', /limits\.connectSizeMax/);
  assert.equal(bench.link.calls.length, 0);
});

test('a 3.x client above it is closed, since its version has no code for it', () => {
  for (const version of [3, 4] as const) {
    const bench = benchOf(version);
    bench.connection.onBytes(connectOf(bench, CEILING + 1));
    assert.deepEqual(bench.received(), []);
    assert.equal(bench.downstream.ended, true);
  }
});

test('a CONNECT of just that size goes on to be judged by what is in it', () => {
  const bench = benchOf(5);
  bench.connection.onBytes(connectOf(bench, CEILING));
  const [event] = bench.named('connect.refused');
  assert.equal(event?.by, 'limit:clientIdLengthMax');
});

test('who has logged in may send what packetSizeMax allows', async () => {
  const bench = benchOf(5);
  await bench.open();
  bench.send(bench.publish('ok/large', { payload: Buffer.alloc(10 * CEILING) }));
  assert.equal(bench.link.named('publish').length, 1);
  bench.send(bench.publish('ok/larger', { payload: Buffer.alloc(100_000) }));
  const [event] = bench.named('packet.faulted');
  assert.equal(event?.says, 'The packet is larger than the receiver takes.');
});

test('a reload does not give strangers more', () => {
  const bench = benchOf(5);
  const { limits, ...policy } = testPolicy();
  bench.connection.applyPolicy({ ...policy, limits: { ...limits, connectSizeMaxBytes: CEILING } });
  bench.connection.onBytes(connectOf(bench, CEILING + 1));
  assert.equal(bench.named('packet.faulted')[0]?.fault, 'packet_too_large');
});

test('a user name that is too long is refused before anything is remembered by it, and no password looked at', async () => {
  for (const [version, code] of [
    [4, 4],
    [5, 0x86],
  ] as const) {
    const bench = benchOf(version);
    const refused = await bench.open({ username: 'x'.repeat(65), password: Buffer.from('right') });
    assert.equal((refused as { reasonCode?: number } | undefined)?.reasonCode, code);
    assert.equal(bench.named('connect.refused')[0]?.by, 'limit:usernameLengthMax');
    assert.equal(bench.named('authentication.failed').length, 0);
    assert.equal((await benchOf(version).open({ username: 'x'.repeat(64) }))?.type, PacketType.Connack);
  }
});

test('what is kept of a stranger is told: of a CONNECT that has begun, and of one that waits for its answer', () => {
  const bench = benchOf(5);
  const bytes = encodePacket(bench.connectPacket({}), 5);
  const { connection, downstream } = bench;
  connection.onBytes(bytes.subarray(0, 10));
  assert.equal(downstream.keptBytes, 10);
  connection.onBytes(bytes.subarray(10, 15));
  assert.equal(downstream.keptBytes, 15);
  const behind = Buffer.from([0xc0, 0]);
  connection.onBytes(Buffer.concat([bytes.subarray(15), behind]));
  assert.equal(downstream.keptBytes, bytes.length + behind.length);
});
