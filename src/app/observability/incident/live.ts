/** What the running gateway says of the subject of an incident, beside what the journal knows. */

export interface LiveBan {
  readonly subject: string;
  readonly reason: string;
  readonly author: string;
  /** Null where it lasts until somebody takes it back. */
  readonly expiresAt: string | null;
}

export interface LiveClient {
  readonly clientId: string;
  readonly username: string | null;
  readonly address: string;
  readonly connectedAt: string | null;
}

/** Absent parts were not told. */
export interface Live {
  /** False: what is on disk was read, and nobody is connected. */
  readonly isRunning: boolean;
  readonly isBanned: boolean;
  /** Network of `bans.allow` that it lies in: it cannot be banned. */
  readonly allowedBy: string | null;
  readonly bans: readonly LiveBan[];
  /** Connected now, at most some dozens. */
  readonly clients: readonly LiveClient[];
}
