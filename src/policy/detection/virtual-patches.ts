/**
 * Packets that are known to bring down brokers and clients: what stops each here, and how one that was stopped is recognised.
 * Most are faults to the codec, which stops them whether or not a patch is on; a patch gives them their name. What no fault
 * shows alone is held by a check of the pipeline, which asks here whether it is on.
 */
import type { Deframer } from '../../mqtt/deframer.ts';
import type { Fault } from '../../mqtt/fault.ts';
import * as faults from '../../mqtt/faults.ts';
import type { Frame } from '../../mqtt/frame.ts';
import { PROPERTY_ROWS, PropertyContext } from '../../mqtt/properties-table.ts';
import { PacketType, type ProtocolVersion, type Sender } from '../../mqtt/wire.ts';
import { endsBeforeCredentials, endsBeforeOptions, hasWill } from './packet-shape.ts';

/** A faulty packet as far as it is known when it is refused. */
export interface FaultSight {
  readonly fault: Fault;
  readonly sender: Sender;
  readonly version: ProtocolVersion;
  /** The packet's first byte. */
  readonly first: number;
  /** True where no CONNECT came before it. */
  readonly isFirst: boolean;
  /** The packet, where it was whole; borrowed. */
  readonly frame: Frame | undefined;
}

export interface VirtualPatch {
  /** Such as `CVE-2021-34432`; a refusal's author is `virtual-patch:<name>`. */
  readonly name: string;
  /** Reports of the same packet against other brokers. */
  readonly also?: readonly string[];
  readonly fells: string;
  readonly packet: string;
  /** What stops it: faults of the codec, or a check of the pipeline. */
  readonly stoppedBy: readonly Fault[] | string;
  /** Narrows the faults down to the packet; absent where they are enough. */
  readonly matches?: (sight: FaultSight) => boolean;
  /** An honest client may send it too: it is stopped and named, and nobody is suspected for it. */
  readonly isInnocent?: true;
}

const typeOf = ({ first }: FaultSight): number => first >> 4;
const isType =
  (...types: readonly number[]) =>
  (sight: FaultSight): boolean =>
    types.includes(typeOf(sight));

const PROPERTY_FAULTS: readonly Fault[] = PROPERTY_ROWS.flatMap((row) =>
  row === undefined ? [] : [row.notAllowed(PropertyContext.Will), row.repeated, row.outOfRange],
).concat(faults.PropertyUnknown);

/** The first that matches gives the name: of two with one fault, the narrower stands first. */
export const VIRTUAL_PATCHES: readonly VirtualPatch[] = [
  {
    name: 'CVE-2021-28166',
    fells: 'Mosquitto 2.0.0 to 2.0.9: null pointer',
    packet: 'CONNACK from a client',
    stoppedBy: [faults.PacketFromWrongSide],
    matches: (sight) => sight.sender === 'client' && typeOf(sight) === PacketType.Connack,
  },
  {
    name: 'CVE-2021-34432',
    fells: 'Mosquitto before 2.0.8: crash',
    packet: 'PUBLISH with a topic of no length',
    stoppedBy: [faults.TopicEmpty, faults.TopicEmptyWithoutAlias],
    matches: (sight) => sight.sender === 'client' && typeOf(sight) === PacketType.Publish,
  },
  {
    name: 'CVE-2021-34431',
    fells: 'Mosquitto 1.6 to 2.0.10: memory leak',
    packet: 'a second CONNECT of MQTT 5',
    stoppedBy: [faults.SecondConnect],
    matches: ({ version }) => version === 5,
  },
  {
    name: 'CVE-2026-32696',
    fells: 'NanoMQ: authentication with credentials that are not there',
    packet: 'CONNECT that announces a user name or password and ends before it',
    stoppedBy: [faults.Truncated],
    matches: (sight) => typeOf(sight) === PacketType.Connect && endsBeforeCredentials(sight.frame),
  },
  {
    name: 'CVE-2017-7654',
    fells: 'Mosquitto before 1.4.15: memory leak',
    packet: 'CONNECT that ends before its fields do',
    stoppedBy: [faults.Truncated, faults.PropertiesTruncated],
    matches: isType(PacketType.Connect),
  },
  {
    name: 'CVE-2023-3592',
    fells: 'Mosquitto before 2.0.16: memory leak',
    packet: 'CONNECT of MQTT 5 whose Will has properties that a Will cannot have',
    stoppedBy: PROPERTY_FAULTS,
    matches: (sight) => typeOf(sight) === PacketType.Connect && hasWill(sight.frame),
  },
  {
    name: 'CVE-2017-7651',
    also: ['CVE-2021-22116', 'CVE-2021-33175', 'CVE-2021-33176'],
    fells: 'Mosquitto before 1.4.15, RabbitMQ before 3.8.16, EMQX before 4.2.8, VerneMQ before 1.12.0: memory',
    packet: 'CONNECT larger than connectSizeMax',
    stoppedBy: [faults.PacketTooLarge],
    matches: ({ isFirst }) => isFirst,
  },
  {
    name: 'CVE-2024-35512',
    fells: 'hmq 1.5.5: memory',
    packet: 'SUBSCRIBE as the first packet, with a huge length (the report names no bytes; an open issue does)',
    stoppedBy: [faults.FirstPacketNotConnect],
    matches: isType(PacketType.Subscribe),
  },
  {
    name: 'CVE-2024-36856',
    fells: 'RMQTT 0.4.0: crash',
    packet: 'AUTH that nobody asked for (the report names no bytes; made after what the broker logged)',
    stoppedBy: [faults.FirstPacketNotConnect, faults.AuthWithoutMethodInConnect],
    matches: isType(PacketType.Auth),
  },
  {
    name: 'CVE-2023-0809',
    fells: 'Mosquitto before 2.0.16: memory',
    packet: 'a first packet that is no CONNECT',
    stoppedBy: [faults.FirstPacketNotConnect],
  },
  {
    name: 'CVE-2017-7653',
    fells: "Mosquitto before 1.4.15: other clients' connections",
    packet: 'text that is not UTF-8',
    stoppedBy: [faults.TextNotUtf8],
    matches: ({ sender }) => sender === 'client',
  },
  {
    name: 'CVE-2021-41039',
    fells: 'Mosquitto 1.6 to 2.0.11: processor',
    packet: 'CONNECT with more user properties than userPropertiesMax',
    stoppedBy: [faults.TooManyUserProperties],
    matches: isType(PacketType.Connect),
  },
  {
    name: 'CVE-2026-21888',
    fells: 'NanoMQ: out-of-bounds read',
    packet: 'a length of five bytes',
    stoppedBy: [faults.RemainingLengthTooLong, faults.VariableByteIntegerTooLong],
    matches: ({ sender }) => sender === 'client',
  },
  {
    name: 'aedes#612',
    fells: 'mqtt-packet, and with it Aedes: crash',
    packet: 'a malformed DISCONNECT',
    stoppedBy: [faults.Truncated, faults.PropertiesTruncated, faults.LengthWrongForType, faults.TrailingBytes],
    matches: isType(PacketType.Disconnect),
  },
  {
    name: 'CVE-2026-25627',
    fells: 'NanoMQ before 0.24.8, over WebSocket: out-of-bounds read',
    packet:
      'a Remaining Length that its packet cannot have; one that is only longer than its message is put together first',
    stoppedBy: [faults.LengthWrongForType],
    matches: ({ sender }) => sender === 'client',
  },
  {
    name: 'nanomq#2268',
    also: ['CVE-2024-50948'],
    fells: 'NanoMQ 0.24: heap overflow; mochi 2.6.3: panic (its report names no bytes; an issue does)',
    packet: 'SUBSCRIBE that ends before its options byte',
    stoppedBy: [faults.Truncated],
    matches: (sight) => typeOf(sight) === PacketType.Subscribe && endsBeforeOptions(sight.frame, sight.version),
  },
  {
    name: 'CVE-2019-5432',
    fells: 'mqtt-packet before 6.1.2: crash',
    packet: 'SUBSCRIBE or UNSUBSCRIBE whose filter is longer than the packet',
    stoppedBy: [faults.Truncated, faults.PropertiesTruncated],
    matches: isType(PacketType.Subscribe, PacketType.Unsubscribe),
  },
  {
    name: 'CVE-2016-10523',
    fells: 'mqtt-packet before 3.4.6: crash',
    packet: 'PUBLISH whose topic is longer than the packet',
    stoppedBy: [faults.Truncated, faults.PropertiesTruncated],
    matches: isType(PacketType.Publish),
  },
  {
    name: 'CVE-2024-42644',
    also: ['CVE-2024-42645'],
    fells: 'FlashMQ 1.14.0: assertion (the second report names no bytes but a retained message)',
    packet: 'PUBLISH of QoS 3, retained or not',
    stoppedBy: [faults.PublishQosInvalid],
    matches: ({ sender }) => sender === 'client',
  },
  {
    name: 'CVE-2026-95843',
    also: ['CVE-2026-95842'],
    fells: 'Moquette before 0.19: one exception ends the session loop of many clients',
    packet: 'a malformed shared subscription',
    stoppedBy: [faults.ShareWithoutFilter, faults.ShareNameEmpty, faults.ShareNameInvalid],
  },
  {
    name: 'CVE-2024-10525',
    fells: 'clients made with libmosquitto before 2.0.19: out-of-bounds read',
    packet: 'SUBACK without reason codes, from the broker',
    stoppedBy: [faults.SubackEmpty],
    matches: ({ sender }) => sender === 'server',
  },
  {
    name: 'CVE-2024-8376',
    fells: 'Mosquitto before 2.0.19: use after free',
    packet:
      'UNSUBSCRIBE without filters; of a filter that is held shared and plain, the plain one is given up while the shared one steps aside',
    stoppedBy: [faults.UnsubscribeEmpty],
    isInnocent: true,
  },
  {
    name: 'CVE-2023-28366',
    fells: 'Mosquitto 1.3.2 to 2.0.15: memory leak',
    packet: 'QoS 2 PUBLISH with a packet identifier that is under way',
    stoppedBy: 'open-exchange',
    isInnocent: true,
  },
  {
    name: 'CVE-2018-12543',
    fells: 'Mosquitto 1.5 to 1.5.2: assertion',
    packet: 'PUBLISH to a topic that begins with $ and that no grant names',
    stoppedBy: 'dollar-topic',
    isInnocent: true,
  },
  {
    name: 'CVE-2019-11778',
    fells: 'Mosquitto 1.6 to 1.6.4: use after free',
    packet:
      'CONNECT whose Will Delay Interval is longer than its Session Expiry Interval; it is shortened, which changes nothing',
    stoppedBy: 'will-delay',
    isInnocent: true,
  },
];

/** What a deframer knows of the packet that it, or who decoded its frame, found to be faulty. */
export function sightOf(deframer: Deframer, known: Omit<FaultSight, 'first' | 'frame'>): FaultSight {
  return deframer.fault === undefined
    ? { ...known, first: deframer.bytes[deframer.start] ?? 0, frame: deframer }
    : { ...known, first: deframer.faultFirst, frame: undefined };
}

const BY_FAULT = new Map<Fault, VirtualPatch[]>();
for (const patch of VIRTUAL_PATCHES) {
  if (typeof patch.stoppedBy === 'string') continue;
  for (const fault of patch.stoppedBy) BY_FAULT.set(fault, [...(BY_FAULT.get(fault) ?? []), patch]);
}

/** Those that are on. */
export class VirtualPatches {
  readonly #off: ReadonlySet<string>;

  constructor(off: readonly string[] = []) {
    this.#off = new Set(off);
  }

  isOn(name: string): boolean {
    return !this.#off.has(name);
  }

  /** The author of the refusal of a packet that a patch knows; undefined where none does. */
  authorOf(sight: FaultSight): string | undefined {
    const patch = BY_FAULT.get(sight.fault)?.find(({ name, matches }) => this.isOn(name) && (matches?.(sight) ?? true));
    return patch === undefined ? undefined : authorOf(patch.name);
  }
}

/** None is on: for connections whose packets have been guarded already. */
export const NO_VIRTUAL_PATCHES = new VirtualPatches(VIRTUAL_PATCHES.map(({ name }) => name));

const AUTHOR = 'virtual-patch:';

export function authorOf(name: string): string {
  return `${AUTHOR}${name}`;
}

const INNOCENT = new Set(VIRTUAL_PATCHES.filter(({ isInnocent }) => isInnocent).map(({ name }) => authorOf(name)));

/** Whether a refusal's author is a virtual patch whose packet no honest client sends. */
export function isHostileHit(by: string): boolean {
  return by.startsWith(AUTHOR) && !INNOCENT.has(by);
}
