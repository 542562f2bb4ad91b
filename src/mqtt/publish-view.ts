/** A PUBLISH as the hot path sees it: offsets into borrowed bytes, and the few values that decisions need. */
import type { Frame } from './frame.ts';
import type { ProtocolVersion, QoS } from './wire.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * One instance is reused for packet after packet; `scanPublish` fills it. The whole packet is `bytes[start..end)`.
 * INVARIANT: valid only until the call that handed it over returns.
 */
export class PublishView implements Frame {
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  bodyStart = 0;
  end = 0;
  /** Which version's layout the bytes have. */
  version: ProtocolVersion = 4;
  dup = false;
  qos: QoS = 0;
  retain = false;
  /** 1 to 65535 for QoS 1 and 2, else 0. */
  packetId = 0;
  /** Where the two bytes of the packet identifier stand; 0 for QoS 0. A sender patches them in place. */
  packetIdAt = 0;
  /** The topic's UTF-8 bytes, without their length; empty when an alias stands for it. */
  topicStart = 0;
  topicEnd = 0;
  /** The properties, without their length field; equal when there are none or below 5.0. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  /** The topic is the one that was looked up last in the table that `scanPublish` was given: `table.recent` is its entry. */
  repeatsTopic = false;
  /** 0 when absent. */
  topicAlias = 0;
  /** -1 when absent. */
  messageExpiryIntervalS = -1;
  /**
   * The topic in full. `scanPublish` leaves it empty; whoever keeps the connection's aliases and its cache of topics fills it
   * before the view goes on.
   */
  topic = '';

  get payloadBytes(): number {
    return this.end - this.payloadStart;
  }
}
