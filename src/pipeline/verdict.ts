/** What a check says of a packet. Anything but a pass names its author. */

import type { Budget } from '../policy/limits/budget.ts';
import type { Excess } from '../policy/limits/excess.ts';

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
  /** The limit that it exceeds, where it does. */
  readonly excess?: Excess;
}

/** Is answered with a refusal in the client's protocol version; the connection stays. */
export interface Refuse {
  readonly kind: 'refuse';
  readonly reason: number;
  readonly by: string;
  readonly says: string;
  readonly excess?: Excess;
}

/** Ends the connection, with the reason where the version can say one. */
export interface Close {
  readonly kind: 'close';
  readonly reason: number;
  readonly by: string;
  readonly says: string;
  readonly excess?: Excess;
}

/** Has come too early: it is looked at again when the budget has what it costs, and until then nothing is read. */
export interface Delay {
  readonly kind: 'delay';
  readonly budget: Budget;
  readonly cost: number;
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

/** Of a limit that is exceeded. */
export function exceeds(kind: 'drop' | 'refuse' | 'close', reason: number, excess: Excess): Denial {
  const { by, says } = excess;
  return { kind, reason, by, says, excess };
}
