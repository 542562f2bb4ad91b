/** Every fault of the codec: a frozen value with its clause and the v5 reason code that answers it. */
import { fault } from './fault.ts';
import { Reason } from './reason.ts';

const { MalformedPacket, ProtocolError } = Reason;

// The stream and the fixed header.

/** [MQTT-3.1.0-1] [MQTT311-3.1.0-1] */
export const FirstPacketNotConnect = fault(
  'first_packet_not_connect',
  ProtocolError,
  'MQTT-3.1.0-1',
  'The first packet of a connection must be CONNECT.',
);
export const LooksLikeTls = fault(
  'looks_like_tls',
  ProtocolError,
  'MQTT-3.1.0-1',
  'The first byte begins a TLS handshake: this port expects MQTT without TLS.',
);
export const LooksLikeHttp = fault(
  'looks_like_http',
  ProtocolError,
  'MQTT-3.1.0-1',
  'The first bytes are an HTTP request: this port expects MQTT.',
);
export const LooksLikeProxyHeader = fault(
  'looks_like_proxy_header',
  ProtocolError,
  'MQTT-3.1.0-1',
  'The first bytes are a PROXY protocol header, which this listener does not expect.',
);
/** [MQTT-3.1.0-2] [MQTT311-3.1.0-2] */
export const SecondConnect = fault(
  'second_connect',
  ProtocolError,
  'MQTT-3.1.0-2',
  'A connection carries one CONNECT only.',
);
export const PacketTypeReserved = fault(
  'packet_type_reserved',
  MalformedPacket,
  'MQTT5-2.1.2',
  'The packet type is reserved in this protocol version.',
);
export const PacketFromWrongSide = fault(
  'packet_from_wrong_side',
  ProtocolError,
  'MQTT5-2.1.2',
  'This packet type never flows in this direction.',
);
/** [MQTT-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2] */
export const FlagsReserved = fault(
  'flags_reserved',
  MalformedPacket,
  'MQTT-2.1.3-1',
  'The reserved flags of the fixed header do not have their prescribed value.',
);
/** [MQTT-3.6.1-1] [MQTT311-3.6.1-1] */
export const PubrelFlags = fault('pubrel_flags', MalformedPacket, 'MQTT-3.6.1-1', 'The flags of PUBREL must be 0010.');
/** [MQTT-3.8.1-1] [MQTT311-3.8.1-1] */
export const SubscribeFlags = fault(
  'subscribe_flags',
  MalformedPacket,
  'MQTT-3.8.1-1',
  'The flags of SUBSCRIBE must be 0010.',
);
/** [MQTT-3.10.1-1] [MQTT311-3.10.1-1] */
export const UnsubscribeFlags = fault(
  'unsubscribe_flags',
  MalformedPacket,
  'MQTT-3.10.1-1',
  'The flags of UNSUBSCRIBE must be 0010.',
);
/** [MQTT-3.14.1-1] */
export const DisconnectFlags = fault(
  'disconnect_flags',
  MalformedPacket,
  'MQTT-3.14.1-1',
  'The flags of DISCONNECT must be 0000.',
);
/** [MQTT-3.15.1-1] */
export const AuthFlags = fault('auth_flags', MalformedPacket, 'MQTT-3.15.1-1', 'The flags of AUTH must be 0000.');
export const RemainingLengthTooLong = fault(
  'remaining_length_too_long',
  MalformedPacket,
  'MQTT5-2.1.4',
  'The Remaining Length takes more than four bytes.',
);
/** [MQTT-1.5.5-1] */
export const VariableByteIntegerNotMinimal = fault(
  'variable_byte_integer_not_minimal',
  MalformedPacket,
  'MQTT-1.5.5-1',
  'A Variable Byte Integer uses more bytes than its value needs.',
);
export const VariableByteIntegerTooLong = fault(
  'variable_byte_integer_too_long',
  MalformedPacket,
  'MQTT5-1.5.5',
  'A Variable Byte Integer takes more than four bytes.',
);
export const LengthWrongForType = fault(
  'length_wrong_for_type',
  MalformedPacket,
  'MQTT5-2.1.4',
  'The Remaining Length is one that this packet type cannot have.',
);
/** [MQTT-3.2.2-15] [MQTT-3.1.2-24] */
export const PacketTooLarge = fault(
  'packet_too_large',
  Reason.PacketTooLarge,
  'MQTT-3.2.2-15',
  'The packet is larger than the receiver takes.',
);
export const ConnackOfOlderVersion = fault(
  'connack_of_older_version',
  Reason.UnsupportedProtocolVersion,
  'MQTT-3.1.2-2',
  'A 5.0 CONNECT was answered by a 3.1.1 CONNACK: the server does not speak 5.0.',
);

// Fields.

export const Truncated = fault(
  'truncated',
  MalformedPacket,
  'MQTT5-4.13.1',
  'A field reaches beyond the end of its packet.',
);
export const TrailingBytes = fault(
  'trailing_bytes',
  MalformedPacket,
  'MQTT5-4.13.1',
  'Bytes follow the last field of the packet.',
);
/** [MQTT-1.5.4-1] [MQTT311-1.5.3-1] [MQTT-1.5.7-1] */
export const TextNotUtf8 = fault(
  'text_not_utf8',
  MalformedPacket,
  'MQTT-1.5.4-1',
  'A string is not well-formed UTF-8 (or encodes a surrogate).',
);
/** [MQTT-1.5.4-2] [MQTT311-1.5.3-2] [MQTT-4.7.3-2] [MQTT311-4.7.3-2] */
export const TextHasNull = fault('text_has_null', MalformedPacket, 'MQTT-1.5.4-2', 'A string contains U+0000.');
export const TextHasControlCharacter = fault(
  'text_has_control_character',
  MalformedPacket,
  'MQTT5-1.5.4',
  'A string contains a control character or a non-character, which policy refuses.',
);
/** [MQTT-2.2.1-3] [MQTT-2.2.1-4] [MQTT311-2.3.1-1] */
export const PacketIdZero = fault(
  'packet_id_zero',
  ProtocolError,
  'MQTT-2.2.1-3',
  'The packet identifier must not be zero.',
);

// Topics.

/** [MQTT-3.3.2-2] [MQTT311-3.3.2-2] [MQTT-4.7.0-1] [MQTT311-4.7.1-1] */
export const TopicHasWildcard = fault(
  'topic_has_wildcard',
  Reason.TopicNameInvalid,
  'MQTT-3.3.2-2',
  'A topic name contains a wildcard.',
);
/** [MQTT-4.7.3-1] [MQTT311-4.7.3-1] */
export const TopicEmpty = fault('topic_empty', Reason.TopicNameInvalid, 'MQTT-4.7.3-1', 'A topic name is empty.');
/** [MQTT-4.7.3-3] [MQTT311-4.7.3-3] */
export const TopicTooLong = fault(
  'topic_too_long',
  Reason.TopicNameInvalid,
  'MQTT-4.7.3-3',
  'A topic name takes more than 65535 bytes.',
);
/** [MQTT-4.7.3-1] [MQTT311-4.7.3-1] */
export const FilterEmpty = fault('filter_empty', Reason.TopicFilterInvalid, 'MQTT-4.7.3-1', 'A topic filter is empty.');
/** [MQTT-4.7.3-3] [MQTT311-4.7.3-3] */
export const FilterTooLong = fault(
  'filter_too_long',
  Reason.TopicFilterInvalid,
  'MQTT-4.7.3-3',
  'A topic filter takes more than 65535 bytes.',
);
/** [MQTT-4.7.1-1] [MQTT311-4.7.1-2] */
export const FilterHashMisplaced = fault(
  'filter_hash_misplaced',
  Reason.TopicFilterInvalid,
  'MQTT-4.7.1-1',
  'The multi-level wildcard must be a whole level and the last.',
);
/** [MQTT-4.7.1-2] [MQTT311-4.7.1-3] */
export const FilterPlusMisplaced = fault(
  'filter_plus_misplaced',
  Reason.TopicFilterInvalid,
  'MQTT-4.7.1-2',
  'The single-level wildcard must be a whole level.',
);
/** [MQTT-4.8.2-1] */
export const ShareNameEmpty = fault(
  'share_name_empty',
  Reason.TopicFilterInvalid,
  'MQTT-4.8.2-1',
  'A shared subscription has no share name.',
);
/** [MQTT-4.8.2-2] */
export const ShareNameInvalid = fault(
  'share_name_invalid',
  Reason.TopicFilterInvalid,
  'MQTT-4.8.2-2',
  'A share name contains a wildcard.',
);
/** [MQTT-4.8.2-2] */
export const ShareWithoutFilter = fault(
  'share_without_filter',
  Reason.TopicFilterInvalid,
  'MQTT-4.8.2-2',
  'A shared subscription has no topic filter behind its share name.',
);

// Properties. Those that name a property are made in properties-table.ts.

export const PropertyUnknown = fault(
  'property_unknown',
  MalformedPacket,
  'MQTT5-2.2.2.2',
  'A property identifier is not one of the specification.',
);
export const PropertiesTruncated = fault(
  'properties_truncated',
  MalformedPacket,
  'MQTT5-2.2.2.1',
  'A property reaches beyond the Property Length.',
);
export const TooManyUserProperties = fault(
  'too_many_user_properties',
  Reason.QuotaExceeded,
  'MQTT5-4.13.2',
  'A packet carries more User Properties than policy allows.',
);
/** [MQTT-3.3.4-6] */
export const SubscriptionIdentifierFromClient = fault(
  'subscription_identifier_from_client',
  ProtocolError,
  'MQTT-3.3.4-6',
  'A client sent a PUBLISH with a Subscription Identifier.',
);
/** [MQTT-3.14.2-2] */
export const SessionExpiryFromServer = fault(
  'session_expiry_from_server',
  ProtocolError,
  'MQTT-3.14.2-2',
  'A server sent a DISCONNECT with a Session Expiry Interval.',
);
/** [MQTT-3.3.2-14] */
export const ResponseTopicHasWildcard = fault(
  'response_topic_has_wildcard',
  ProtocolError,
  'MQTT-3.3.2-14',
  'A Response Topic contains a wildcard.',
);
/** [MQTT-4.7.3-1] */
export const ResponseTopicEmpty = fault(
  'response_topic_empty',
  ProtocolError,
  'MQTT-4.7.3-1',
  'A Response Topic is empty.',
);
export const AuthenticationDataWithoutMethod = fault(
  'authentication_data_without_method',
  ProtocolError,
  'MQTT5-3.1.2.11.10',
  'Authentication Data came without an Authentication Method.',
);
export const AuthenticationMethodMissing = fault(
  'authentication_method_missing',
  ProtocolError,
  'MQTT5-3.15.2.2.2',
  'An AUTH packet has no Authentication Method.',
);

// CONNECT and CONNACK.

/** [MQTT-3.1.2-1] [MQTT311-3.1.2-1] */
export const ProtocolNameWrong = fault(
  'protocol_name_wrong',
  Reason.UnsupportedProtocolVersion,
  'MQTT-3.1.2-1',
  'The protocol name is neither MQTT nor MQIsdp.',
);
/** [MQTT-3.1.2-2] [MQTT311-3.1.2-2] */
export const ProtocolVersionUnsupported = fault(
  'protocol_version_unsupported',
  Reason.UnsupportedProtocolVersion,
  'MQTT-3.1.2-2',
  'The protocol version is none of 3.1, 3.1.1 and 5.0.',
);
/** [MQTT-3.1.2-3] [MQTT311-3.1.2-3] */
export const ConnectFlagReserved = fault(
  'connect_flag_reserved',
  MalformedPacket,
  'MQTT-3.1.2-3',
  'The reserved flag of CONNECT is set.',
);
/** [MQTT-3.1.2-12] [MQTT311-3.1.2-14] */
export const WillQosInvalid = fault('will_qos_invalid', MalformedPacket, 'MQTT-3.1.2-12', 'The Will QoS is 3.');
/** [MQTT-3.1.2-11] [MQTT311-3.1.2-13] [MQTT311-3.1.2-11] */
export const WillQosWithoutWill = fault(
  'will_qos_without_will',
  MalformedPacket,
  'MQTT-3.1.2-11',
  'The Will QoS is set although there is no Will.',
);
/** [MQTT-3.1.2-13] [MQTT311-3.1.2-15] [MQTT311-3.1.2-11] */
export const WillRetainWithoutWill = fault(
  'will_retain_without_will',
  MalformedPacket,
  'MQTT-3.1.2-13',
  'Will Retain is set although there is no Will.',
);
/** [MQTT311-3.1.2-22] */
export const PasswordWithoutUsername = fault(
  'password_without_username',
  MalformedPacket,
  'MQTT311-3.1.2-22',
  'A password came without a user name, which only 5.0 allows.',
);
/** [MQTT311-3.1.3-7] [MQTT311-3.1.3-8] */
export const ClientIdEmptyWithoutCleanSession = fault(
  'client_id_empty_without_clean_session',
  Reason.ClientIdentifierNotValid,
  'MQTT311-3.1.3-8',
  'An empty client identifier needs Clean Session.',
);
export const ClientIdEmpty = fault(
  'client_id_empty',
  Reason.ClientIdentifierNotValid,
  'MQTT31-3.1',
  'MQTT 3.1 requires a client identifier.',
);
export const ClientIdTooLong = fault(
  'client_id_too_long',
  Reason.ClientIdentifierNotValid,
  'MQTT31-3.1',
  'MQTT 3.1 allows 23 characters in a client identifier.',
);
/** [MQTT-3.2.2-1] */
export const ConnackFlagReserved = fault(
  'connack_flag_reserved',
  MalformedPacket,
  'MQTT-3.2.2-1',
  'A reserved flag of CONNACK is set.',
);
/** [MQTT-3.2.2-6] [MQTT311-3.2.2-4] */
export const SessionPresentOnRefusal = fault(
  'session_present_on_refusal',
  ProtocolError,
  'MQTT-3.2.2-6',
  'A CONNACK that refuses says that a session is present.',
);

// PUBLISH.

/** [MQTT-3.3.1-4] [MQTT311-3.3.1-4] */
export const PublishQosInvalid = fault('publish_qos_invalid', MalformedPacket, 'MQTT-3.3.1-4', 'The QoS is 3.');
/** [MQTT-3.3.1-2] [MQTT311-3.3.1-2] */
export const DupOnQos0 = fault('dup_on_qos0', MalformedPacket, 'MQTT-3.3.1-2', 'A QoS 0 PUBLISH has the DUP flag.');
export const TopicEmptyWithoutAlias = fault(
  'topic_empty_without_alias',
  ProtocolError,
  'MQTT5-3.3.2.1',
  'A PUBLISH has neither a topic nor a topic alias.',
);

/** [MQTT-3.3.2-9] [MQTT-3.3.2-11] [MQTT-3.2.2-17] [MQTT-3.1.2-26] */
export const TopicAliasInvalid = fault(
  'topic_alias_invalid',
  Reason.TopicAliasInvalid,
  'MQTT-3.3.2-9',
  'A topic alias is above what the receiver allows, or stands for no topic yet.',
);

// SUBSCRIBE, UNSUBSCRIBE and their answers.

/** [MQTT-3.8.3-2] [MQTT311-3.8.3-3] */
export const SubscribeEmpty = fault(
  'subscribe_empty',
  ProtocolError,
  'MQTT-3.8.3-2',
  'A SUBSCRIBE has no topic filter.',
);
/** [MQTT-3.8.3-5] [MQTT311-3.8.3-4] */
export const SubscriptionOptionsReserved = fault(
  'subscription_options_reserved',
  MalformedPacket,
  'MQTT-3.8.3-5',
  'Reserved bits of the Subscription Options are set.',
);
/** [MQTT311-3.8.3-4] */
export const SubscriptionQosInvalid = fault(
  'subscription_qos_invalid',
  ProtocolError,
  'MQTT5-3.8.3.1',
  'The QoS of a subscription is 3.',
);
export const RetainHandlingInvalid = fault(
  'retain_handling_invalid',
  ProtocolError,
  'MQTT5-3.8.3.1',
  'The Retain Handling of a subscription is 3.',
);
/** [MQTT-3.8.3-4] */
export const NoLocalOnShared = fault(
  'no_local_on_shared',
  ProtocolError,
  'MQTT-3.8.3-4',
  'A shared subscription asks for No Local.',
);
/** [MQTT-3.10.3-2] [MQTT311-3.10.3-2] */
export const UnsubscribeEmpty = fault(
  'unsubscribe_empty',
  ProtocolError,
  'MQTT-3.10.3-2',
  'An UNSUBSCRIBE has no topic filter.',
);
/** [MQTT-3.8.4-6] [MQTT311-3.8.4-5] */
export const SubackEmpty = fault('suback_empty', ProtocolError, 'MQTT-3.8.4-6', 'A SUBACK has no reason code.');
/** [MQTT-3.11.3-1] */
export const UnsubackEmpty = fault('unsuback_empty', ProtocolError, 'MQTT-3.11.3-1', 'An UNSUBACK has no reason code.');

// The order of packets.

/** [MQTT311-3.14.4-2] [MQTT-3.14.4-1] */
export const PacketAfterDisconnect = fault(
  'packet_after_disconnect',
  ProtocolError,
  'MQTT-3.14.4-1',
  'A packet follows DISCONNECT.',
);
/** [MQTT-4.12.0-7] */
export const AuthWithoutMethodInConnect = fault(
  'auth_without_method_in_connect',
  ProtocolError,
  'MQTT-4.12.0-7',
  'AUTH came although CONNECT named no authentication method.',
);
/** [MQTT-4.12.0-5] [MQTT-4.12.1-1] */
export const AuthenticationMethodChanged = fault(
  'authentication_method_changed',
  ProtocolError,
  'MQTT-4.12.0-5',
  'The Authentication Method is not the one of CONNECT.',
);
/** [MQTT-4.12.0-6] */
export const ServerAuthUnasked = fault(
  'server_auth_unasked',
  ProtocolError,
  'MQTT-4.12.0-6',
  'The server authenticates although CONNECT named no authentication method.',
);
/** [MQTT-4.12.0-3] */
export const AuthUnexpected = fault(
  'auth_unexpected',
  ProtocolError,
  'MQTT-4.12.0-3',
  'The reason code of AUTH does not fit the state of the authentication.',
);
/** [MQTT-3.1.2-30] */
export const PacketDuringAuthentication = fault(
  'packet_during_authentication',
  ProtocolError,
  'MQTT-3.1.2-30',
  'Before CONNACK a client that authenticates sends only AUTH and DISCONNECT.',
);
/** [MQTT-3.2.0-1] [MQTT311-3.2.0-1] */
export const FirstPacketNotConnack = fault(
  'first_packet_not_connack',
  ProtocolError,
  'MQTT-3.2.0-1',
  'The server sent another packet before CONNACK.',
);
/** [MQTT-3.2.0-2] */
export const SecondConnack = fault(
  'second_connack',
  ProtocolError,
  'MQTT-3.2.0-2',
  'The server sent a second CONNACK.',
);
/** [MQTT-3.2.2-7] [MQTT311-3.2.2-5] [MQTT-3.1.4-6] [MQTT311-3.1.4-5] */
export const PacketAfterRefusal = fault(
  'packet_after_refusal',
  ProtocolError,
  'MQTT-3.2.2-7',
  'A packet follows a CONNACK that refused.',
);
/** [MQTT-3.2.2-2] [MQTT311-3.2.2-1] */
export const SessionPresentAfterCleanStart = fault(
  'session_present_after_clean_start',
  ProtocolError,
  'MQTT-3.2.2-2',
  'The server kept a session that CONNECT asked to discard.',
);
/** [MQTT-3.14.0-1] */
export const ServerDisconnectBeforeConnack = fault(
  'server_disconnect_before_connack',
  ProtocolError,
  'MQTT-3.14.0-1',
  'The server sent DISCONNECT before it accepted the connection.',
);
export const SessionExpiryRevived = fault(
  'session_expiry_revived',
  ProtocolError,
  'MQTT5-3.14.2.2.2',
  'DISCONNECT sets a Session Expiry Interval although CONNECT had none.',
);
