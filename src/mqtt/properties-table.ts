/** MQTT 5 properties, one row each: identifier, wire type, where it may stand, its range and whether it may repeat [MQTT5 2.2.2.2]. */
import { type Fault, fault } from './fault.ts';
import { SessionExpiryFromServer, SubscriptionIdentifierFromClient } from './faults.ts';
import type { Properties } from './properties.ts';
import { Reason } from './reason.ts';

/** Where a property list stands, as bits of a row's `contexts`. Direction counts where a clause depends on it. */
export const PropertyContext = {
  Connect: 1 << 0,
  Will: 1 << 1,
  Connack: 1 << 2,
  PublishByClient: 1 << 3,
  PublishByServer: 1 << 4,
  Ack: 1 << 5,
  Subscribe: 1 << 6,
  Suback: 1 << 7,
  Unsubscribe: 1 << 8,
  Unsuback: 1 << 9,
  DisconnectByClient: 1 << 10,
  DisconnectByServer: 1 << 11,
  Auth: 1 << 12,
} as const;

/** Wire types. Every one-byte property of the specification is a boolean, so `Flag` has the range 0 to 1. */
export const PropertyKind = {
  Flag: 0,
  TwoBytes: 1,
  FourBytes: 2,
  VariableByteInteger: 3,
  Text: 4,
  Binary: 5,
  TextPair: 6,
} as const;
type Kind = (typeof PropertyKind)[keyof typeof PropertyKind];

export interface PropertyRow {
  readonly id: number;
  readonly key: keyof Properties;
  readonly kind: Kind;
  readonly contexts: number;
  /** Where it may stand more than once. */
  readonly repeatsIn: number;
  /** Its bit in the set of properties seen. */
  readonly bit: number;
  /** True where zero is a Protocol Error. */
  readonly nonZero: boolean;
  readonly repeated: Fault;
  readonly outOfRange: Fault;
  /** The fault of its standing in a context that is not among `contexts`. */
  notAllowed(context: number): Fault;
}

const C = PropertyContext;
const K = PropertyKind;
const Publish = C.PublishByClient | C.PublishByServer;
const Disconnect = C.DisconnectByClient | C.DisconnectByServer;
const Everywhere = 0x1fff;

/** Identifier to row; undefined where the specification has none. */
export const PROPERTY_ROWS: (PropertyRow | undefined)[] = new Array(0x2b).fill(undefined);
/** Name to row. */
export const PROPERTY_ROW_OF: Record<keyof Properties, PropertyRow> = Object.create(null);

interface RowOptions {
  nonZero?: { clause: string; reason: Reason };
  repeatsIn?: number;
  /** Faults of their own for some contexts. */
  forbidden?: [context: number, fault: Fault][];
}

function row(
  id: number,
  key: keyof Properties,
  title: string,
  kind: Kind,
  contexts: number,
  section: string,
  options: RowOptions = {},
): void {
  const { nonZero, repeatsIn = 0, forbidden = [] } = options;
  const elsewhere = fault(
    'property_not_allowed',
    Reason.MalformedPacket,
    'MQTT5-2.2.2.2',
    `${title} is not allowed in this packet.`,
  );
  const made: PropertyRow = {
    id,
    key,
    kind,
    contexts,
    repeatsIn,
    bit: 1 << Object.keys(PROPERTY_ROW_OF).length,
    nonZero: nonZero !== undefined,
    repeated: fault('property_repeated', Reason.ProtocolError, section, `${title} appears twice.`),
    outOfRange: fault(
      'property_out_of_range',
      nonZero?.reason ?? Reason.ProtocolError,
      nonZero?.clause ?? section,
      nonZero ? `${title} must not be zero.` : `${title} must be 0 or 1.`,
    ),
    notAllowed: (context) => forbidden.find(([where]) => where === context)?.[1] ?? elsewhere,
  };
  PROPERTY_ROWS[id] = made;
  PROPERTY_ROW_OF[key] = made;
}

const notZero = (clause: string, reason: Reason = Reason.ProtocolError) => ({ nonZero: { clause, reason } });

row(0x01, 'payloadFormatIndicator', 'Payload Format Indicator', K.Flag, Publish | C.Will, 'MQTT5-3.3.2.3.2');
row(0x02, 'messageExpiryIntervalS', 'Message Expiry Interval', K.FourBytes, Publish | C.Will, 'MQTT5-3.3.2.3.3');
row(0x03, 'contentType', 'Content Type', K.Text, Publish | C.Will, 'MQTT5-3.3.2.3.9'); // [MQTT-3.3.2-19]
row(0x08, 'responseTopic', 'Response Topic', K.Text, Publish | C.Will, 'MQTT5-3.3.2.3.5'); // [MQTT-3.3.2-13]
row(0x09, 'correlationData', 'Correlation Data', K.Binary, Publish | C.Will, 'MQTT5-3.3.2.3.6');
row(
  0x0b,
  'subscriptionIdentifiers',
  'Subscription Identifier',
  K.VariableByteInteger,
  C.PublishByServer | C.Subscribe,
  'MQTT5-3.8.2.1.2',
  {
    ...notZero('MQTT5-3.8.2.1.2'),
    repeatsIn: C.PublishByServer,
    forbidden: [[C.PublishByClient, SubscriptionIdentifierFromClient]], // [MQTT-3.3.4-6]
  },
);
row(
  0x11,
  'sessionExpiryIntervalS',
  'Session Expiry Interval',
  K.FourBytes,
  C.Connect | C.Connack | C.DisconnectByClient,
  'MQTT5-3.1.2.11.2',
  { forbidden: [[C.DisconnectByServer, SessionExpiryFromServer]] }, // [MQTT-3.14.2-2]
);
row(0x12, 'assignedClientIdentifier', 'Assigned Client Identifier', K.Text, C.Connack, 'MQTT5-3.2.2.3.7');
row(0x13, 'serverKeepAliveS', 'Server Keep Alive', K.TwoBytes, C.Connack, 'MQTT5-3.2.2.3.14');
row(0x15, 'authenticationMethod', 'Authentication Method', K.Text, C.Connect | C.Connack | C.Auth, 'MQTT5-3.1.2.11.9');
row(0x16, 'authenticationData', 'Authentication Data', K.Binary, C.Connect | C.Connack | C.Auth, 'MQTT5-3.1.2.11.10');
row(0x17, 'requestProblemInformation', 'Request Problem Information', K.Flag, C.Connect, 'MQTT5-3.1.2.11.7');
row(0x18, 'willDelayIntervalS', 'Will Delay Interval', K.FourBytes, C.Will, 'MQTT5-3.1.3.2.2');
row(0x19, 'requestResponseInformation', 'Request Response Information', K.Flag, C.Connect, 'MQTT5-3.1.2.11.6');
row(0x1a, 'responseInformation', 'Response Information', K.Text, C.Connack, 'MQTT5-3.2.2.3.15');
row(0x1c, 'serverReference', 'Server Reference', K.Text, C.Connack | Disconnect, 'MQTT5-3.2.2.3.16');
row(
  0x1f,
  'reasonString',
  'Reason String',
  K.Text,
  C.Connack | C.Ack | C.Suback | C.Unsuback | Disconnect | C.Auth,
  'MQTT5-3.2.2.3.9',
);
row(
  0x21,
  'receiveMaximum',
  'Receive Maximum',
  K.TwoBytes,
  C.Connect | C.Connack,
  'MQTT5-3.1.2.11.3',
  notZero('MQTT5-3.1.2.11.3'),
);
row(0x22, 'topicAliasMaximum', 'Topic Alias Maximum', K.TwoBytes, C.Connect | C.Connack, 'MQTT5-3.1.2.11.5');
row(
  0x23,
  'topicAlias',
  'Topic Alias',
  K.TwoBytes,
  Publish,
  'MQTT5-3.3.2.3.4',
  notZero('MQTT-3.3.2-8', Reason.TopicAliasInvalid), // [MQTT-3.3.2-8]
);
row(0x24, 'maximumQos', 'Maximum QoS', K.Flag, C.Connack, 'MQTT5-3.2.2.3.4');
row(0x25, 'retainAvailable', 'Retain Available', K.Flag, C.Connack, 'MQTT5-3.2.2.3.5');
row(0x26, 'userProperties', 'User Property', K.TextPair, Everywhere, 'MQTT5-2.2.2.2', { repeatsIn: Everywhere });
row(
  0x27,
  'maximumPacketSizeBytes',
  'Maximum Packet Size',
  K.FourBytes,
  C.Connect | C.Connack,
  'MQTT5-3.1.2.11.4',
  notZero('MQTT5-3.1.2.11.4'),
);
row(0x28, 'wildcardSubscriptionAvailable', 'Wildcard Subscription Available', K.Flag, C.Connack, 'MQTT5-3.2.2.3.11');
row(
  0x29,
  'subscriptionIdentifiersAvailable',
  'Subscription Identifiers Available',
  K.Flag,
  C.Connack,
  'MQTT5-3.2.2.3.12',
);
row(0x2a, 'sharedSubscriptionAvailable', 'Shared Subscription Available', K.Flag, C.Connack, 'MQTT5-3.2.2.3.13');
