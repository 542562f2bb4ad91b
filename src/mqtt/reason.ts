/** MQTT 5 reason codes [MQTT5 2.4], and the 3.1.1 CONNACK return codes they become. */

export const Reason = {
  Success: 0x00,
  GrantedQos1: 0x01,
  GrantedQos2: 0x02,
  DisconnectWithWill: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QosNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const;
export type Reason = (typeof Reason)[keyof typeof Reason];

/** CONNACK return codes of MQTT 3.1 and 3.1.1 [MQTT-3.2.2.3, table 3.1]. */
export const ReturnCode = {
  Accepted: 0,
  UnacceptableProtocolVersion: 1,
  IdentifierRejected: 2,
  ServerUnavailable: 3,
  BadUserNameOrPassword: 4,
  NotAuthorized: 5,
} as const;
export type ReturnCode = (typeof ReturnCode)[keyof typeof ReturnCode];

/**
 * The 3.x CONNACK return code that says what a v5 reason code says, or undefined where 3.x has no word for it and the
 * connection is closed without a CONNACK [MQTT311-3.2.2-6].
 */
export function returnCodeOf(reason: number): ReturnCode | undefined {
  switch (reason) {
    case Reason.Success:
      return ReturnCode.Accepted;
    case Reason.UnsupportedProtocolVersion:
      return ReturnCode.UnacceptableProtocolVersion;
    case Reason.ClientIdentifierNotValid:
      return ReturnCode.IdentifierRejected;
    case Reason.ServerUnavailable:
    case Reason.ServerBusy:
    case Reason.ServerShuttingDown:
    case Reason.QuotaExceeded:
    case Reason.ConnectionRateExceeded:
      return ReturnCode.ServerUnavailable;
    case Reason.BadUserNameOrPassword:
    case Reason.BadAuthenticationMethod:
      return ReturnCode.BadUserNameOrPassword;
    case Reason.NotAuthorized:
    case Reason.Banned:
      return ReturnCode.NotAuthorized;
    default:
      return undefined;
  }
}
