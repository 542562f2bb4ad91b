/** What a check says of a packet. Anything but a pass names its author. */

/** Goes on to the next check. */
export interface Pass {
  readonly kind: 'pass';
}

/** Vanishes without an answer, as if it had never come. */
export interface Drop {
  readonly kind: 'drop';
  readonly reason: number;
  readonly by: string;
  readonly says: string;
}

/** Is answered with a refusal in the client's protocol version; the connection stays. */
export interface Refuse {
  readonly kind: 'refuse';
  readonly reason: number;
  readonly by: string;
  readonly says: string;
}

/** Ends the connection, with the reason where the version can say one. */
export interface Close {
  readonly kind: 'close';
  readonly reason: number;
  readonly by: string;
  readonly says: string;
}

export type Denial = Drop | Refuse | Close;
export type Verdict = Pass | Denial;

export const PASS: Pass = Object.freeze({ kind: 'pass' });

export function refuse(reason: number, by: string, says: string): Refuse {
  return Object.freeze({ kind: 'refuse', reason, by, says });
}

export function close(reason: number, by: string, says: string): Close {
  return Object.freeze({ kind: 'close', reason, by, says });
}
