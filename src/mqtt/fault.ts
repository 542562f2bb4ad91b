/** What is wrong with what a peer sent: frozen values that carry their clause and their answer on the wire. */
import type { Reason } from './reason.ts';

/** Who is to blame. The codec only ever blames the sender; the layers above know the other parties. */
export type Blame = 'peer' | 'upstream' | 'operator' | 'us';

/**
 * One kind of fault. Instances are made once, at load, and compared by identity: the data plane returns them and never
 * throws them, because a flood of garbage should not buy stack traces.
 */
export class Fault {
  /** Stable snake_case name, for events, metrics and tests. */
  readonly code: string;
  /** The v5 reason code that answers it. */
  readonly reason: Reason;
  /** Normative statement or section that the packet broke, such as `MQTT-3.3.2-2`. */
  readonly clause: string;
  /** One plain sentence for people. */
  readonly says: string;

  constructor(code: string, reason: Reason, clause: string, says: string) {
    this.code = code;
    this.reason = reason;
    this.clause = clause;
    this.says = says;
    Object.freeze(this);
  }
}

/** Declares a fault. */
export function fault(code: string, reason: Reason, clause: string, says: string): Fault {
  return new Fault(code, reason, clause, says);
}

export function isFault(value: unknown): value is Fault {
  return value instanceof Fault;
}
