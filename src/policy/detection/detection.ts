/** What a detector says of a subject, and whom it is told: the contract between detection and response. */

/** What an attack can be laid to. A `listener` stands for many addresses with one pattern, and nothing can be done to it. */
export type SubjectKind = 'address' | 'network' | 'username' | 'clientId' | 'certificate' | 'listener';

export interface Subject {
  readonly kind: SubjectKind;
  /**
   * An address in its one text, a network such as `2001:db8:0:7::/64`, a name as the peer wrote it (whole, not cut), a
   * certificate's SHA-256 in lower-case hex, or a listener's name.
   */
  readonly value: string;
}

/**
 * What may follow a detection. `log`: the event alone. `alert`: those who are to be told. The others act on the subject:
 * `throttle` tightens its limits, `disconnect` ends its connections, `quarantine` restricts what it may do, `ban` shuts it out.
 */
export const RESPONSES = ['log', 'alert', 'throttle', 'disconnect', 'quarantine', 'ban'] as const;
export type Response = (typeof RESPONSES)[number];

export type Severity = 'low' | 'medium' | 'high' | 'critical';

export interface Evidence {
  /** What was counted, decayed to the moment of the detection, and the count that is too many. */
  readonly count: number;
  readonly threshold: number;
  /** The half-life of the count, or the time over which it was taken. */
  readonly windowMs: number;
  /** Of what the peer sent: a few, each cut to a bounded length. */
  readonly examples: readonly string[];
}

/** Where the deciding event came from, as far as it is known; its fields were not proven unless the subject is one of them. */
export interface Origin {
  readonly connectionId?: string;
  readonly listener?: string;
  readonly address?: string;
  readonly clientId?: string;
  readonly username?: string;
}

export interface Detection {
  /** The detector's name, which is its key in the section `detection` of the configuration; a refusal's author is `detector:<name>`. */
  readonly detector: string;
  readonly subject: Subject;
  /** Count over threshold: at least 1. */
  readonly score: number;
  readonly severity: Severity;
  /** The metric of AWS IoT Device Defender that it corresponds to, where there is one. */
  readonly metric?: string;
  /** ATT&CK technique. */
  readonly technique: string;
  /** One plain sentence. */
  readonly says: string;
  readonly evidence: Evidence;
  readonly origin: Origin;
  /**
   * What is to follow. Only `log` and `alert` where acting on the subject would hurt a victim: whoever fails to log in under
   * somebody's name has not proven to be that somebody, and a `listener` is no attacker.
   */
  readonly responses: readonly Response[];
  /** How many times in a row this attack was told, counting this one. */
  readonly repetition: number;
}

/**
 * Acts on detections. It is called within the call that brought the deciding event, first when a score reaches 1, and again, at
 * most once a minute or when the score has doubled, while the attack goes on. It never throws and never waits.
 */
export interface Responder {
  respond(detection: Detection): void;
}
