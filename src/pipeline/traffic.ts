/** What went through one connection, as plain numbers: the hot path adds to them, and whoever wants to know looks now and then. */

export class Traffic {
  /** PUBLISH packets that were forwarded: from the client, and to it. */
  messagesIn = 0;
  messagesOut = 0;
  /** Their bytes, headers included. */
  bytesIn = 0;
  bytesOut = 0;
  /** Retained messages from the client; deletions do not count. */
  retainedIn = 0;
  /** Filters granted to the client that take in everything. */
  broadFilters = 0;
  /** Publishes and filters that were not granted, and of which no event told because there were so many. */
  refusalsUntold = 0;
  /** SUBSCRIBEs that were forwarded. */
  subscribes = 0;
}

/** What a connection's numbers were when it was looked at last. */
export class LastSample {
  atMs: number;
  messagesIn = 0;
  messagesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  retainedIn = 0;
  broadFilters = 0;
  refusalsUntold = 0;
  topics = 0;
  /** Oldest open QoS 2 exchange, and since when it has been that. */
  oldestQos2: number | undefined;
  oldestQos2SinceMs = 0;

  constructor(atMs: number) {
    this.atMs = atMs;
  }
}
