/** What methods of the chain are built with, and what comes of it. */
import type { Chance } from '../base/chance.ts';
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';
import type { HashQueue } from '../policy/identity/hash-queue.ts';
import type { IdentityMethod } from '../policy/identity/identity.ts';
import type { KeySets } from './key-sets.ts';

/** What methods are built with. It outlives a reload. */
export interface IdentityServices {
  readonly queue: HashQueue;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly emit: Emit;
  readonly keySets: KeySets;
  /** Told when a method's users have changed by themselves: their names, or undefined when it may be any. */
  readonly onUsersChanged: (method: string, usernames: ReadonlySet<string> | undefined) => void;
}

/** A method, and how to let go of what it holds open. */
export interface Built {
  readonly method: IdentityMethod;
  readonly close?: () => void;
}
