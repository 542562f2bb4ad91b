/**
 * A policy as its author wrote it: roles made of grants and of other roles, who has them, and what has to hold. Every part knows
 * the file and line it stands in.
 */

/** In the order in which they are always listed. */
export const ACTIONS = ['publish', 'subscribe', 'receive'] as const;
export type Action = (typeof ACTIONS)[number];

export type Effect = 'allow' | 'deny';

/** Where something stands. */
export interface Written {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A policy with all its references resolved: every role that is named exists, and no role includes itself. Frozen. */
export interface Policy {
  readonly file: string;
  /** In the order of the file. Names are unique. */
  readonly roles: readonly Role[];
  readonly assignments: readonly Assignment[];
  readonly assertions: readonly Assertion[];
}

export interface Role extends Written {
  readonly name: string;
  /** Names of the roles whose grants it has besides its own. */
  readonly includes: readonly string[];
  readonly grants: readonly Grant[];
  /** Limits of each client that has it, by name and as they were written; read where limits are known. */
  readonly limits?: readonly WrittenLimit[];
}

export interface WrittenLimit extends Written {
  readonly column: number;
  readonly name: string;
  readonly text: string;
}

/** One effect on one topic filter: a grant that lists three topics in the file is three grants, each with its own line. */
export interface Grant extends Written {
  readonly effect: Effect;
  /** At least one, in the order of `ACTIONS`. */
  readonly actions: readonly Action[];
  /** A valid topic filter, with placeholders as they stand (`topic-pattern.ts`). */
  readonly topic: string;
  /** It applies when all of them hold. The same object for all grants that stand in one entry of the file. */
  readonly when: Conditions;
}

/** Absent is no condition. On a deny there are only `retain`, `hours`, `networks` and `listeners`. */
export interface Conditions {
  /** Packets with this QoS or a lower one. */
  readonly qosMax?: 0 | 1 | 2;
  readonly retain?: boolean;
  /** Payloads of this size or a smaller one. */
  readonly payloadMaxBytes?: number;
  /** It holds within any of them. */
  readonly hours?: readonly Hours[];
  /** Addresses and networks in CIDR notation. */
  readonly networks?: readonly string[];
  readonly listeners?: readonly string[];
  /** Only behind TLS. */
  readonly tls?: 'required';
}

/** A part of the day, on some days of the week, by the clocks of one time zone. */
export interface Hours {
  /** Bit 0 is Monday. The days on which it begins. */
  readonly days: number;
  /** Minutes since midnight, 0 to 1439. */
  readonly fromMinute: number;
  /** Minutes since midnight, 1 to 1440, exclusive; not after `fromMinute` means on the next day. */
  readonly toMinute: number;
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
  /** As it was written. */
  readonly text: string;
}

/** Whoever meets all of `to` has the roles. */
export interface Assignment extends Written {
  /** At least one. */
  readonly roles: readonly string[];
  readonly to: Selector;
}

/** Absent is no demand; lists are met by any one of their values. `{}` is everyone. */
export interface Selector {
  /** `anonymous` has no user name, `authenticated` has one. */
  readonly who?: 'anonymous' | 'authenticated';
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  /** Roles that the identity brought with it, which are not the policy's until an assignment says so. */
  readonly identityRoles?: readonly string[];
  /** `*` stands for any characters, also none. */
  readonly clientIds?: readonly string[];
  readonly listeners?: readonly string[];
  readonly networks?: readonly string[];
  /** Such as `cert.ou` or `claim.site`. */
  readonly attributes?: readonly { readonly name: string; readonly values: readonly string[] }[];
}

/** `only: role operator,engineer publish cmd/#`: what has to hold of the policy, for the prover. */
export interface Assertion extends Written {
  /**
   * `never`: none of the subjects may, on any topic of the filter. `only`: nobody else may, on any. `always`: all of the
   * subjects may, on every one.
   */
  readonly kind: 'never' | 'only' | 'always';
  readonly subject: AssertionSubject;
  readonly action: Action;
  /** A valid topic filter, with placeholders as they stand. */
  readonly topic: string;
  /** It is about what happens when all of them hold. */
  readonly when: Conditions;
  /** Counted from 1. */
  readonly column: number;
  /** As it was written, such as `never: role sensor publish cmd/#`. */
  readonly text: string;
}

export type AssertionSubject =
  | {
      readonly kind: 'role';
      readonly names: readonly string[];
      /** Only clients that have no other roles, but for what these include and what everyone, named or anonymous, has. */
      readonly isAlone: boolean;
    }
  | { readonly kind: 'user' | 'group'; readonly names: readonly string[] }
  | { readonly kind: 'anonymous' | 'everyone' };
