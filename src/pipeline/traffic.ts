/** What went through one connection, as plain numbers: the hot path adds to them, and whoever wants to know looks now and then. */

export class Traffic {
  /** PUBLISH packets that were forwarded, by QoS: from the client, and to it. */
  qos0In = 0;
  qos1In = 0;
  qos2In = 0;
  qos0Out = 0;
  qos1Out = 0;
  qos2Out = 0;
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

  get messagesIn(): number {
    return this.qos0In + this.qos1In + this.qos2In;
  }

  get messagesOut(): number {
    return this.qos0Out + this.qos1Out + this.qos2Out;
  }

  countIn(qos: number, sizeBytes: number): void {
    if (qos === 0) this.qos0In++;
    else if (qos === 1) this.qos1In++;
    else this.qos2In++;
    this.bytesIn += sizeBytes;
  }

  countOut(qos: number, sizeBytes: number): void {
    if (qos === 0) this.qos0Out++;
    else if (qos === 1) this.qos1Out++;
    else this.qos2Out++;
    this.bytesOut += sizeBytes;
  }
}

/** A second. */
export interface TrafficRates {
  readonly messagesInPerSecond: number;
  readonly messagesOutPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
}

const NO_TRAFFIC: TrafficRates = Object.freeze({
  messagesInPerSecond: 0,
  messagesOutPerSecond: 0,
  bytesInPerSecond: 0,
  bytesOutPerSecond: 0,
});

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
  /** What it was a second then. */
  rates: TrafficRates = NO_TRAFFIC;
  /** Oldest open QoS 2 exchange, and since when it has been that. */
  oldestQos2: number | undefined;
  oldestQos2SinceMs = 0;

  constructor(atMs: number) {
    this.atMs = atMs;
  }
}

/** A connection is not looked at again before this. */
export const SPAN_MIN_MS = 950;

/** What goes through a connection a second, since the last look; soon after that, what it was then. */
export function ratesSince(traffic: Traffic, last: LastSample, nowMs: number): TrafficRates {
  const spanMs = nowMs - last.atMs;
  if (spanMs < SPAN_MIN_MS) return last.rates;
  const perSecond = (now: number, before: number): number => Math.round(((now - before) * 10_000) / spanMs) / 10;
  return {
    messagesInPerSecond: perSecond(traffic.messagesIn, last.messagesIn),
    messagesOutPerSecond: perSecond(traffic.messagesOut, last.messagesOut),
    bytesInPerSecond: perSecond(traffic.bytesIn, last.bytesIn),
    bytesOutPerSecond: perSecond(traffic.bytesOut, last.bytesOut),
  };
}
