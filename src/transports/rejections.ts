/** Events for connections that were turned away, gathered so that a flood of them is a trickle of events. */

import type { Clock } from '../base/clock.ts';
import type { ConnectionFacts, Emit } from '../base/events.ts';
import type { Reason } from '../mqtt/reason.ts';

/** Who turned a connection away. */
export type RejectionAuthor =
  | 'limit:connectionsMax'
  | 'limit:halfOpenMax'
  | 'limit:halfOpenPerAddressMax'
  | 'limit:tlsHandshakesWaitingMax'
  | 'limit:waitingMax'
  | 'limit:handshakeTimeout'
  | 'first-bytes'
  | 'proxy-protocol'
  | 'tls'
  | 'websocket'
  /** Gates that stand before a connection; what follows the colon names the ban, the limit or the state. */
  | `${GateKind}:${string}`
  /** Such as `limit:address connects`: as many as there are limits of those who connect. */
  | `limit:${string} ${string}`;

type GateKind = 'ban' | 'overload';

export interface Rejection {
  readonly by: RejectionAuthor;
  readonly reason: Reason;
  readonly says: string;
}

const WINDOW_MS = 1000;
/** Addresses told apart in one window, for each author; the rest is counted together. */
const ADDRESSES_MAX = 64;
const EVERYBODY = '*';

interface Held {
  facts: ConnectionFacts;
  rejection: Rejection;
  count: number;
}

/** Authors that are told apart: of a gate's there are as many as it has bans, so they are one. */
function authorOf(by: RejectionAuthor): string {
  if (by.startsWith('ban:')) return 'ban';
  return by.startsWith('overload:') ? 'overload' : by;
}

/**
 * At most one event a second for each author and address, so that whoever bans addresses hears of each; beyond
 * `ADDRESSES_MAX` addresses, and for the ceiling on connections at once, one event a second for all, with their number.
 */
export class Rejections {
  readonly #clock: Clock;
  readonly #emit: Emit;
  /** For each author the addresses heard of in this window, with what came after their first event. */
  readonly #windows = new Map<string, Map<string, Held | undefined>>();

  constructor(clock: Clock, emit: Emit) {
    this.#clock = clock;
    this.#emit = emit;
  }

  add(facts: ConnectionFacts, rejection: Rejection): void {
    const author = authorOf(rejection.by);
    let window = this.#windows.get(author);
    if (window === undefined) {
      window = new Map();
      this.#windows.set(author, window);
      this.#clock.after(WINDOW_MS, () => this.#close(author));
    }
    let key = rejection.by === 'limit:connectionsMax' ? EVERYBODY : facts.address;
    if (!window.has(key) && window.size >= ADDRESSES_MAX) key = EVERYBODY;
    if (!window.has(key)) {
      window.set(key, undefined);
      this.#emit({ name: 'connection.rejected', ...facts, ...rejection });
      return;
    }
    const held = window.get(key);
    if (held === undefined) window.set(key, { facts, rejection, count: 1 });
    else {
      held.facts = facts;
      held.rejection = rejection;
      held.count += 1;
    }
  }

  #close(author: string): void {
    const window = this.#windows.get(author);
    this.#windows.delete(author);
    for (const [key, held] of window ?? []) {
      if (held === undefined) continue;
      const { facts, rejection, count } = held;
      const says = count === 1 ? rejection.says : `${rejection.says} (the last of ${count} within a second)`;
      // Those of one address, that is; what many have done is not laid to the last of them.
      const suppressed = key === EVERYBODY || count === 1 ? {} : { suppressed: count - 1 };
      this.#emit({ name: 'connection.rejected', ...facts, ...rejection, says, ...suppressed });
    }
  }
}
