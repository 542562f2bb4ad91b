/**
 * Packets that have felled brokers and clients: each is a fault here, or harmless, so that nothing behind the gateway sees
 * it raw. Named after the report; where the report keeps its bytes to itself, the packet is made after its description.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, decodeChunks } from '../../test/kit/wire-cases.ts';
import { Deframer, FrameStatus } from './deframer.ts';
import type { Fault } from './fault.ts';
import * as faults from './faults.ts';
import { PROPERTY_ROW_OF } from './properties-table.ts';
import { DEFAULT_RULES } from './rules.ts';
import { checkTopicFilter } from './topic.ts';
import type { ProtocolVersion, Sender } from './wire.ts';

interface Killer {
  report: string;
  what: string;
  wire: string;
  fault: Fault;
  version?: ProtocolVersion;
  sender?: Sender;
  /** True where it is the first packet of its connection. */
  first?: boolean;
}

const killers: Killer[] = [
  {
    report: 'CVE-2021-28166 (Mosquitto)',
    what: 'a client sends CONNACK',
    wire: '20 03 00 00 00',
    fault: faults.PacketFromWrongSide,
  },
  {
    report: 'CVE-2021-34432 (Mosquitto)',
    what: 'a topic of no length',
    version: 4,
    wire: "30 .. 0000 'x'",
    fault: faults.TopicEmpty,
  },
  {
    report: 'CVE-2021-34432 (Mosquitto)',
    what: 'a topic of no length and no alias',
    wire: "30 .. 0000 00 'x'",
    fault: faults.TopicEmptyWithoutAlias,
  },
  {
    report: 'CVE-2024-10525 (Mosquitto clients)',
    what: 'a SUBACK without reason codes',
    version: 4,
    sender: 'server',
    wire: '90 02 0001',
    fault: faults.SubackEmpty,
  },
  {
    report: 'CVE-2024-10525 (Mosquitto clients)',
    what: 'a SUBACK without reason codes',
    sender: 'server',
    wire: '90 03 0001 00',
    fault: faults.SubackEmpty,
  },
  {
    report: 'CVE-2023-0809 (Mosquitto)',
    what: 'a first packet that is no CONNECT',
    first: true,
    wire: '30 ffffff7f 0001',
    fault: faults.FirstPacketNotConnect,
  },
  {
    report: 'CVE-2023-3592 (Mosquitto)',
    what: 'a Will with a property that is not one of the Will',
    first: true,
    wire: "10 .. 0004 'MQTT' 05 06 003c 00 0001 'c' {23 0001} 0001 'w' 0000",
    fault: PROPERTY_ROW_OF.topicAlias.notAllowed(0),
  },
  {
    report: 'CVE-2021-34431 (Mosquitto)',
    what: 'a second CONNECT of 5.0',
    wire: "10 .. 0004 'MQTT' 05 02 003c 00 0001 'c'",
    fault: faults.SecondConnect,
  },
  {
    report: 'CVE-2017-7654 (Mosquitto)',
    what: 'a CONNECT that ends before its fields do',
    version: 4,
    first: true,
    wire: "10 .. 0004 'MQTT' 04 c2 003c 0001 'c' 0001 'u' 0009 'p'",
    fault: faults.Truncated,
  },
  {
    report: 'CVE-2017-7653 (Mosquitto)',
    what: 'a topic that is not UTF-8',
    version: 4,
    wire: '30 .. 0003 eda080',
    fault: faults.TextNotUtf8,
  },
  {
    report: 'CVE-2026-21888 (NanoMQ)',
    what: 'a length of five bytes',
    version: 4,
    wire: '30 8080808001',
    fault: faults.RemainingLengthTooLong,
  },
  {
    report: 'CVE-2026-21888 (NanoMQ)',
    what: 'a property length of five bytes',
    wire: "30 .. 0001 'a' 8080808001",
    fault: faults.VariableByteIntegerTooLong,
  },
  {
    report: 'CVE-2026-32696 (NanoMQ)',
    what: 'credentials that are announced and absent',
    version: 4,
    first: true,
    wire: "10 .. 0004 'MQTT' 04 c2 003c 0001 'c'",
    fault: faults.Truncated,
  },
  {
    report: 'nanomq#2268',
    what: 'a SUBSCRIBE without its options byte',
    wire: "82 .. 0001 00 0003 'a/b'",
    fault: faults.Truncated,
  },
  {
    report: 'aedes#612',
    what: 'a DISCONNECT with a property length beyond its end',
    wire: 'e0 02 00 7f',
    fault: faults.Truncated,
  },
  {
    report: 'aedes#612',
    what: 'a DISCONNECT with a body before 5.0',
    version: 4,
    wire: 'e0 01 00',
    fault: faults.LengthWrongForType,
  },
  {
    report: 'CVE-2016-10523 (mqtt-packet)',
    what: 'a PUBLISH whose topic is longer than the packet',
    version: 4,
    wire: "30 .. ffff 'a'",
    fault: faults.Truncated,
  },
  {
    report: 'CVE-2019-5432 (mqtt-packet)',
    what: 'a SUBSCRIBE whose filter is longer than the packet',
    version: 4,
    wire: "82 .. 0001 00ff 'abc'",
    fault: faults.Truncated,
  },
  {
    report: 'CVE-2019-5432 (mqtt-packet)',
    what: 'an UNSUBSCRIBE with half a length at its end',
    version: 4,
    wire: "a2 .. 0001 0001 'a' 00",
    fault: faults.Truncated,
  },
  {
    report: 'CVE-2026-95843 (Moquette)',
    what: 'a shared subscription without a filter',
    wire: "82 .. 0001 00 0008 '$share/g' 00",
    fault: faults.ShareWithoutFilter,
  },
  {
    report: 'CVE-2024-8376 (Mosquitto)',
    what: 'an UNSUBSCRIBE without filters',
    wire: 'a2 .. 0001 00',
    fault: faults.UnsubscribeEmpty,
  },
  {
    report: 'CVE-2026-25627 (NanoMQ)',
    what: 'a Remaining Length beyond any limit, in a short message',
    version: 4,
    wire: 'c0 ffffff7f',
    fault: faults.LengthWrongForType,
  },
];

for (const { report, what, wire, fault, version = 5, sender = 'client', first = false } of killers) {
  test(`${report}: ${what} is a fault, version ${version}`, () => {
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
