/** Which reason codes each packet may carry, by who sends it. */
import type { Fault } from './fault.ts';
import { fault } from './fault.ts';
import { Reason as R } from './reason.ts';
import type { ProtocolVersion, Sender } from './wire.ts';

/** The legal codes of one packet, and the fault of any other. */
export interface ReasonRow {
  readonly byClient: Uint8Array;
  readonly byServer: Uint8Array;
  readonly illegal: Fault;
}

function setOf(codes: readonly number[]): Uint8Array {
  const set = new Uint8Array(256);
  for (const code of codes) set[code] = 1;
  return set;
}

function row(name: string, clause: string, both: number[], serverOnly: number[], clientOnly: number[] = []): ReasonRow {
  return {
    byClient: setOf([...both, ...clientOnly]),
    byServer: setOf([...both, ...serverOnly]),
    illegal: fault(
      `${name.toLowerCase()}_reason_code_invalid`,
      R.ProtocolError,
      clause,
      `The reason code is none that the sender of ${name} may use.`,
    ),
  };
}

const PUBLISH_RESPONSES = [
  R.Success,
  R.UnspecifiedError,
  R.ImplementationSpecificError,
  R.NotAuthorized,
  R.TopicNameInvalid,
  R.PacketIdentifierInUse,
  R.QuotaExceeded,
  R.PayloadFormatInvalid,
];
const RELEASE_RESPONSES = [R.Success, R.PacketIdentifierNotFound];
/** In 5.0 [MQTT-3.2.2-8]. */
export const CONNACK_REASONS = row(
  'CONNACK',
  'MQTT-3.2.2-8',
  [],
  [
    R.Success,
    R.UnspecifiedError,
    R.MalformedPacket,
    R.ProtocolError,
    R.ImplementationSpecificError,
    R.UnsupportedProtocolVersion,
    R.ClientIdentifierNotValid,
    R.BadUserNameOrPassword,
    R.NotAuthorized,
    R.ServerUnavailable,
    R.ServerBusy,
    R.Banned,
    R.BadAuthenticationMethod,
    R.TopicNameInvalid,
    R.PacketTooLarge,
    R.QuotaExceeded,
    R.PayloadFormatInvalid,
    R.RetainNotSupported,
    R.QosNotSupported,
    R.UseAnotherServer,
    R.ServerMoved,
    R.ConnectionRateExceeded,
  ],
);
/** In 3.1 and 3.1.1 [MQTT311-3.2.2-6]. */
export const CONNACK_RETURN_CODES = row('CONNACK', 'MQTT311-3.2.2.3', [], [0, 1, 2, 3, 4, 5]);
/** [MQTT-3.4.2-1]; that nobody subscribes is the server's to say. */
export const PUBACK_REASONS = row('PUBACK', 'MQTT-3.4.2-1', PUBLISH_RESPONSES, [R.NoMatchingSubscribers]);
/** [MQTT-3.5.2-1] */
export const PUBREC_REASONS = row('PUBREC', 'MQTT-3.5.2-1', PUBLISH_RESPONSES, [R.NoMatchingSubscribers]);
/** [MQTT-3.6.2-1] */
export const PUBREL_REASONS = row('PUBREL', 'MQTT-3.6.2-1', RELEASE_RESPONSES, []);
/** [MQTT-3.7.2-1] */
export const PUBCOMP_REASONS = row('PUBCOMP', 'MQTT-3.7.2-1', RELEASE_RESPONSES, []);
/** In 5.0 [MQTT-3.9.3-2] [MQTT-3.8.4-7]. */
export const SUBACK_REASONS = row(
  'SUBACK',
  'MQTT-3.9.3-2',
  [],
  [
    R.Success,
    R.GrantedQos1,
    R.GrantedQos2,
    R.UnspecifiedError,
    R.ImplementationSpecificError,
    R.NotAuthorized,
    R.TopicFilterInvalid,
    R.PacketIdentifierInUse,
    R.QuotaExceeded,
    R.SharedSubscriptionsNotSupported,
    R.SubscriptionIdentifiersNotSupported,
    R.WildcardSubscriptionsNotSupported,
  ],
);
/**
 * In 3.1.1 [MQTT311-3.9.3-2].
 * DEVIATION: 3.1 has no code for a failure, yet brokers send 0x80 to 3.1 clients too; it is taken and sent.
 */
export const SUBACK_RETURN_CODES = row('SUBACK', 'MQTT311-3.9.3-2', [], [0, 1, 2, R.UnspecifiedError]);
/** [MQTT-3.11.3-2] */
export const UNSUBACK_REASONS = row(
  'UNSUBACK',
  'MQTT-3.11.3-2',
  [],
  [
    R.Success,
    R.NoSubscriptionExisted,
    R.UnspecifiedError,
    R.ImplementationSpecificError,
    R.NotAuthorized,
    R.TopicFilterInvalid,
    R.PacketIdentifierInUse,
  ],
);
/** [MQTT-3.14.2-1] */
export const DISCONNECT_REASONS = row(
  'DISCONNECT',
  'MQTT-3.14.2-1',
  [
    R.Success,
    R.UnspecifiedError,
    R.MalformedPacket,
    R.ProtocolError,
    R.ImplementationSpecificError,
    R.TopicNameInvalid,
    R.ReceiveMaximumExceeded,
    R.TopicAliasInvalid,
    R.PacketTooLarge,
    R.MessageRateTooHigh,
    R.QuotaExceeded,
    R.AdministrativeAction,
    R.PayloadFormatInvalid,
  ],
  [
    R.NotAuthorized,
    R.ServerBusy,
    R.ServerShuttingDown,
    // Absent from table 3-13 but given to DISCONNECT by table 2-6 (a re-authentication names a wrong method).
    R.BadAuthenticationMethod,
    R.KeepAliveTimeout,
    R.SessionTakenOver,
    R.TopicFilterInvalid,
    R.RetainNotSupported,
    R.QosNotSupported,
    R.UseAnotherServer,
    R.ServerMoved,
    R.SharedSubscriptionsNotSupported,
    R.ConnectionRateExceeded,
    R.MaximumConnectTime,
    R.SubscriptionIdentifiersNotSupported,
    R.WildcardSubscriptionsNotSupported,
  ],
  [R.DisconnectWithWill],
);
/** [MQTT-3.15.2-1] */
export const AUTH_REASONS = row('AUTH', 'MQTT-3.15.2-1', [R.ContinueAuthentication], [R.Success], [R.ReAuthenticate]);

/** The fault of `code` in the packet of `row`, if it is one. */
export function checkReason(row: ReasonRow, code: number, sender: Sender): Fault | undefined {
  return (sender === 'client' ? row.byClient : row.byServer)[code] === 1 ? undefined : row.illegal;
}

export function connackReasons(version: ProtocolVersion): ReasonRow {
  return version === 5 ? CONNACK_REASONS : CONNACK_RETURN_CODES;
}

export function subackReasons(version: ProtocolVersion): ReasonRow {
  return version === 5 ? SUBACK_REASONS : SUBACK_RETURN_CODES;
}
