/** MQTT 5 properties: one table says of each its identifier, wire type, packets, range and whether it may repeat. */

/** Decoded properties; a key is present only if the property was. Booleans are the one-byte 0/1 properties. */
export interface Properties {
  payloadFormatIndicator?: 0 | 1;
  messageExpiryIntervalS?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  /** In PUBLISH any number, in order of arrival; in SUBSCRIBE at most one. */
  subscriptionIdentifiers?: number[];
  sessionExpiryIntervalS?: number;
  assignedClientIdentifier?: string;
  serverKeepAliveS?: number;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  requestProblemInformation?: boolean;
  willDelayIntervalS?: number;
  requestResponseInformation?: boolean;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQos?: 0 | 1;
  retainAvailable?: boolean;
  /** Name and value, in order; names may repeat. */
  userProperties?: [name: string, value: string][];
  maximumPacketSizeBytes?: number;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifiersAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
}

/** The value of `properties` where there are none; never written to. */
export const NO_PROPERTIES: Properties = Object.freeze({});
