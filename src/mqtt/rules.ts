/** The few decoding choices the specification leaves open; everything else is fixed. */

export interface DecodeRules {
  /**
   * Refuses text with control characters (U+0001 to U+001F, U+007F to U+009F) or non-characters (such as U+FFFF), which a
   * sender SHOULD NOT use and a receiver MAY refuse [MQTT5 1.5.4].
   */
  readonly rejectControlCharacters: boolean;
  /**
   * Refuses client identifiers over 23 bytes from 3.1 clients.
   * DEVIATION: off by default, although 3.1 says 1 to 23 characters: real 3.1 clients send longer ones and brokers take them.
   */
  readonly strictClientIdLength: boolean;
  /** The most User Properties in one property list; each costs a receiver two strings. */
  readonly userPropertiesMax: number;
}

export const DEFAULT_RULES: DecodeRules = Object.freeze({
  rejectControlCharacters: false,
  strictClientIdLength: false,
  userPropertiesMax: Number.POSITIVE_INFINITY,
});
