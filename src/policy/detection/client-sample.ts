/** What one connection did since it was looked at last: what no event tells, because accepted packets cause none. */

/** Numbers are of the time since the sample before, unless they say otherwise. */
export interface ClientSample {
  readonly connectionId: string;
  readonly listener: string;
  readonly address: string;
  readonly clientId: string;
  readonly username?: string;
  /** SHA-256 of the client certificate. */
  readonly certificate?: string;
  /** How long that was. */
  readonly spanMs: number;
  /** How long the client is connected. */
  readonly ageMs: number;
  /** PUBLISH packets from the client that were forwarded, and to it. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Their bytes, headers included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Retained messages that the client stored; deletions do not count. */
  readonly retainedIn: number;
  /** Different topics that the client had not published to before; an estimate once they are many. */
  readonly topicsNew: number;
  /** One of those, the latest. */
  readonly topicLatest?: string;
  /** Filters granted that take in everything. */
  readonly broadFilters: number;
  /** Publishes and filters that were not granted, beyond those that events told of one by one. */
  readonly refusalsUntold: number;
  /** QoS 2 exchanges of the client that are open now, and how long the oldest of them has been seen to be. */
  readonly openQos2: number;
  readonly openQos2Ms: number;
  /** Whether the client has published or subscribed at all. */
  readonly isIdle: boolean;
}
