/** Packets that have felled brokers and clients: each is a fault here, so that nothing behind the gateway sees it raw. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KILLERS } from '../../test/kit/broker-killers.ts';
import { bytesOf, decodeChunks } from '../../test/kit/wire-cases.ts';
import { Deframer, FrameStatus } from './deframer.ts';
import * as faults from './faults.ts';
import { DEFAULT_RULES } from './rules.ts';
import { checkTopicFilter } from './topic.ts';

/** Found by the order of packets or by policy: no matter of decoding. */
const OTHERS = new Set(['CVE-2017-7651', 'CVE-2021-41039', 'CVE-2024-36856']);

for (const { patch, what, wire, fault, version = 5, sender = 'client', first = false } of KILLERS) {
  if (OTHERS.has(patch)) continue;
  test(`${patch}: ${what} is a fault, version ${version}`, () => {
    const bytes = bytesOf(wire);
    const chunked = (size: number) =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
    for (const size of [1, 2, bytes.length]) {
      assert.deepEqual(decodeChunks(chunked(size), version, sender, DEFAULT_RULES, first), [fault]);
    }
  });
}

test('CVE-2017-7651 (Mosquitto), CVE-2021-22116 (RabbitMQ), CVE-2021-33175 (EMQX): a huge CONNECT is refused at its header', () => {
  const deframer = new Deframer({ sender: 'client', packetSizeMaxBytes: 64 * 1024 });
  deframer.push(bytesOf('10 ffffff7f 0004'));
  assert.equal(deframer.next(), FrameStatus.Fault);
  assert.equal(deframer.fault, faults.PacketTooLarge);
  assert.equal(deframer.heldBytes, 0);
});

test('CVE-2021-41039 (Mosquitto): ten thousand user properties are counted, and refused where policy says so', () => {
  const wire = bytesOf(`10 .. 0004 'MQTT' 05 02 003c {${'26 0000 0000'.repeat(10_000)}} 0001 'c'`);
  const rules = { ...DEFAULT_RULES, userPropertiesMax: 64 };
  assert.deepEqual(decodeChunks([wire], 5, 'client', rules, true), [faults.TooManyUserProperties]);
});

test('CVE-2019-11779 (Mosquitto): a filter of 65400 levels is judged level by level, without a stack', () => {
  assert.equal(checkTopicFilter('/'.repeat(65_400)), undefined);
});
