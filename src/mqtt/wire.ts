/** The wire's constants: packet types, protocol versions, sizes. */

/** MQTT Control Packet type, the high nibble of the first byte [MQTT5 2.1.2]. */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const;
export type PacketType = (typeof PacketType)[keyof typeof PacketType];

/** Protocol level: 3 is MQTT 3.1 (`MQIsdp`), 4 is 3.1.1, 5 is 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

export type QoS = 0 | 1 | 2;

/** Who sent the bytes: which packets are legal depends on it. */
export type Sender = 'client' | 'server';

/** The largest Remaining Length four bytes can carry [MQTT5 1.5.5]. */
export const REMAINING_LENGTH_MAX = 268_435_455;

/** The largest whole packet: one byte, four of length, the rest. */
export const PACKET_SIZE_MAX_BYTES = REMAINING_LENGTH_MAX + 5;

/** Session Expiry Interval that stands for "never" [MQTT5 3.1.2.11.2]. */
export const SESSION_EXPIRY_NEVER_S = 0xffffffff;
