/**
 * Packets that have felled brokers and clients, as bytes: each is a fault to the codec, so that nothing behind the gateway sees it
 * raw. Named after the report; where the report keeps its bytes to itself, the packet is made after its description.
 */
import type { Fault } from '../../src/mqtt/fault.ts';
import * as faults from '../../src/mqtt/faults.ts';
import { PROPERTY_ROW_OF } from '../../src/mqtt/properties-table.ts';
import type { ProtocolVersion, Sender } from '../../src/mqtt/wire.ts';

export interface Killer {
  /** The virtual patch that names it. */
  patch: string;
  what: string;
  /** See `bytesOf`. */
  wire: string;
  fault: Fault;
  /** 5 where it is absent. */
  version?: ProtocolVersion;
  sender?: Sender;
  /** True where it is the first packet of its connection. */
  first?: boolean;
}

export const KILLERS: readonly Killer[] = [
  {
    patch: 'CVE-2021-28166',
    what: 'a client sends CONNACK',
    wire: '20 03 00 00 00',
    fault: faults.PacketFromWrongSide,
  },
  {
    patch: 'CVE-2021-34432',
    what: 'a topic of no length',
    version: 4,
    wire: "30 .. 0000 'x'",
    fault: faults.TopicEmpty,
  },
  {
    patch: 'CVE-2021-34432',
    what: 'a topic of no length and no alias',
    wire: "30 .. 0000 00 'x'",
    fault: faults.TopicEmptyWithoutAlias,
  },
  {
    patch: 'CVE-2024-10525',
    what: 'a SUBACK without reason codes',
    version: 4,
    sender: 'server',
    wire: '90 02 0001',
    fault: faults.SubackEmpty,
  },
  {
    patch: 'CVE-2024-10525',
    what: 'a SUBACK without reason codes',
    sender: 'server',
    wire: '90 03 0001 00',
    fault: faults.SubackEmpty,
  },
  {
    patch: 'CVE-2023-0809',
    what: 'a first packet that is no CONNECT',
    first: true,
    wire: '30 ffffff7f 0001',
    fault: faults.FirstPacketNotConnect,
  },
  {
    patch: 'CVE-2023-3592',
    what: 'a Will with a property that is not one of the Will',
    first: true,
    wire: "10 .. 0004 'MQTT' 05 06 003c 00 0001 'c' {23 0001} 0001 'w' 0000",
    fault: PROPERTY_ROW_OF.topicAlias.notAllowed(0),
  },
  {
    patch: 'CVE-2021-34431',
    what: 'a second CONNECT of 5.0',
    wire: "10 .. 0004 'MQTT' 05 02 003c 00 0001 'c'",
    fault: faults.SecondConnect,
  },
  {
    patch: 'CVE-2017-7654',
    what: 'a CONNECT that ends before its fields do',
    version: 4,
    first: true,
    wire: "10 .. 0004 'MQTT' 04 c2 003c 0001 'c' 0001 'u' 0009 'p'",
    fault: faults.Truncated,
  },
  {
    patch: 'CVE-2017-7653',
    what: 'a topic that is not UTF-8',
    version: 4,
    wire: '30 .. 0003 eda080',
    fault: faults.TextNotUtf8,
  },
  {
    patch: 'CVE-2026-21888',
    what: 'a length of five bytes',
    version: 4,
    wire: '30 8080808001',
    fault: faults.RemainingLengthTooLong,
  },
  {
    patch: 'CVE-2026-21888',
    what: 'a property length of five bytes',
    wire: "30 .. 0001 'a' 8080808001",
    fault: faults.VariableByteIntegerTooLong,
  },
  {
    patch: 'CVE-2026-32696',
    what: 'credentials that are announced and absent',
    version: 4,
    first: true,
    wire: "10 .. 0004 'MQTT' 04 c2 003c 0001 'c'",
    fault: faults.Truncated,
  },
  {
    patch: 'nanomq#2268',
    what: 'a SUBSCRIBE without its options byte',
    wire: "82 .. 0001 00 0003 'a/b'",
    fault: faults.Truncated,
  },
  {
    patch: 'aedes#612',
    what: 'a DISCONNECT with a property length beyond its end',
    wire: 'e0 02 00 7f',
    fault: faults.Truncated,
  },
  {
    patch: 'aedes#612',
    what: 'a DISCONNECT with a body before 5.0',
    version: 4,
    wire: 'e0 01 00',
    fault: faults.LengthWrongForType,
  },
  {
    patch: 'CVE-2016-10523',
    what: 'a PUBLISH whose topic is longer than the packet',
    version: 4,
    wire: "30 .. ffff 'a'",
    fault: faults.Truncated,
  },
  {
    patch: 'CVE-2019-5432',
    what: 'a SUBSCRIBE whose filter is longer than the packet',
    version: 4,
    wire: "82 .. 0001 00ff 'abc'",
    fault: faults.Truncated,
  },
  {
    patch: 'CVE-2019-5432',
    what: 'an UNSUBSCRIBE with half a length at its end',
    version: 4,
    wire: "a2 .. 0001 0001 'a' 00",
    fault: faults.Truncated,
  },
  {
    patch: 'CVE-2026-95843',
    what: 'a shared subscription without a filter',
    wire: "82 .. 0001 00 0008 '$share/g' 00",
    fault: faults.ShareWithoutFilter,
  },
  {
    patch: 'CVE-2024-8376',
    what: 'an UNSUBSCRIBE without filters',
    wire: 'a2 .. 0001 00',
    fault: faults.UnsubscribeEmpty,
  },
  {
    patch: 'CVE-2026-25627',
    what: 'a Remaining Length beyond any limit, in a short message',
    version: 4,
    wire: 'c0 ffffff7f',
    fault: faults.LengthWrongForType,
  },
  {
    patch: 'CVE-2017-7651',
    what: 'a CONNECT of 256 MiB, as its header says',
    version: 4,
    first: true,
    wire: "10 ffffff7f 0004 'MQTT' 04 02 003c",
    fault: faults.PacketTooLarge,
  },
  {
    patch: 'CVE-2021-41039',
    what: 'a CONNECT with ten thousand user properties',
    first: true,
    wire: `10 .. 0004 'MQTT' 05 02 003c {${'26 0000 0000'.repeat(10_000)}} 0001 'c'`,
    fault: faults.TooManyUserProperties,
  },
  {
    patch: 'CVE-2024-35512',
    what: 'a SUBSCRIBE with a huge length before any CONNECT',
    first: true,
    wire: '82 ffffff7f',
    fault: faults.FirstPacketNotConnect,
  },
  {
    patch: 'CVE-2024-36856',
    what: 'an AUTH that nobody asked for',
    wire: "f0 .. 18 {15 0001 'x'}",
    fault: faults.AuthWithoutMethodInConnect,
  },
  {
    patch: 'CVE-2024-42644',
    what: 'a retained PUBLISH of QoS 3',
    version: 4,
    wire: "37 .. 0001 'a' 0001 'x'",
    fault: faults.PublishQosInvalid,
  },
];
