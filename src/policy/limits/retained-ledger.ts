/** The retained messages that one client has made, as far as the gateway has seen: topics, and the bytes of their payloads. */

export interface RetainedLimits {
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
}

/** Where only bytes are limited, this many topics are all the same the most that are kept track of. */
const TOPICS_MAX = 1_000_000;

export class RetainedLedger {
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;

  get messages(): number {
    return this.#bytesOf.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Enters a retained message; an empty one deletes. Where it would be too much, nothing is entered, and the limit is named. */
  enter(topic: string, payloadBytes: number, limits: RetainedLimits): keyof RetainedLimits | undefined {
    const before = this.#bytesOf.get(topic);
    if (payloadBytes === 0) {
      this.#bytesOf.delete(topic);
      this.#bytes -= before ?? 0;
      return undefined;
    }
    const messagesMax = Math.min(limits.retainedMessagesMax, TOPICS_MAX);
    if (before === undefined && this.#bytesOf.size >= messagesMax) return 'retainedMessagesMax';
    const bytes = this.#bytes - (before ?? 0) + payloadBytes;
    if (bytes > limits.retainedBytesMax) return 'retainedBytesMax';
    this.#bytesOf.set(topic, payloadBytes);
    this.#bytes = bytes;
    return undefined;
  }
}
