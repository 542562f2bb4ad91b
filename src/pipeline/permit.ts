/**
 * Proof that a packet was permitted. Forwarding takes a permit, so a plain object or a denial does not compile, and a permit
 * of an older policy is seen for what it is.
 */

declare const issued: unique symbol;

interface Permit {
  /** Policy generation it was issued under. */
  readonly generation: number;
  /** The rule that allowed it. */
  readonly by: string;
}

/** May publish on one topic. */
export interface PublishPermit extends Permit {
  readonly kind: 'pass';
  readonly [issued]: 'publish';
}

export function issuePublishPermit(generation: number, by: string): PublishPermit {
  return Object.freeze({ kind: 'pass', generation, by }) as PublishPermit;
}
