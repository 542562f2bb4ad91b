/**
 * What sessions hold at servers that do not tell: kept from one connection to the next, so that a ceiling on subscriptions is one of the
 * session, and coming again is no way round it. Bounded; a restart forgets it.
 */
import type { Clock } from '../base/clock.ts';
import type { Emit } from '../base/events.ts';

export interface SessionFiltersOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Of what is kept of sessions whose clients are away; 64 MiB. */
  readonly bytesMax?: number;
}

interface Live {
  readonly filters: Set<string>;
  /** More than one while an older connection has yet to end. */
  connections: number;
}

interface Away {
  readonly filters: Set<string>;
  readonly bytes: number;
}

const BYTES_MAX = 64 * 1024 * 1024;
/** What an entry takes beside its text. */
const ENTRY_BYTES = 64;
const CEILING_NOTICE_MS = 60_000;

export class SessionFilters {
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #bytesMax: number;
  readonly #live = new Map<string, Live>();
  /** Who went away longest ago comes first. */
  readonly #away = new Map<string, Away>();
  #awayBytes = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor({ clock, emit, bytesMax = BYTES_MAX }: SessionFiltersOptions) {
    this.#clock = clock;
    this.#emit = emit;
    this.#bytesMax = bytesMax;
  }

  /** A connection to the session begins, which is a new one or goes on; returns the session's set, which the connection keeps up to date. */
  begin(session: string, isResumed: boolean): Set<string> {
    const away = this.#takeAway(session);
    const live = this.#live.get(session);
    if (isResumed && live !== undefined) {
      live.connections++;
      return live.filters;
    }
    const filters = isResumed && away !== undefined ? away : new Set<string>();
    this.#live.set(session, { filters, connections: 1 });
    return filters;
  }

  /** The connection that was given `filters` has ended; without effect for others, and for a session that another has replaced. */
  end(session: string, filters: ReadonlySet<string>, isKept: boolean): void {
    const live = this.#live.get(session);
    if (live?.filters !== filters) return;
    live.connections--;
    if (live.connections > 0) return;
    this.#live.delete(session);
    if (isKept && filters.size > 0) this.#keep(session, live.filters);
  }

  #takeAway(session: string): Set<string> | undefined {
    const away = this.#away.get(session);
    if (away === undefined) return undefined;
    this.#away.delete(session);
    this.#awayBytes -= away.bytes;
    return away.filters;
  }

  #keep(session: string, filters: Set<string>): void {
    let bytes = session.length + ENTRY_BYTES;
    for (const filter of filters) bytes += filter.length + ENTRY_BYTES;
    this.#away.set(session, { filters, bytes });
    this.#awayBytes += bytes;
    for (const oldest of this.#away.keys()) {
      if (this.#awayBytes <= this.#bytesMax) return;
      this.#takeAway(oldest);
      this.#tellForgotten();
    }
  }

  #tellForgotten(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#toldMs < CEILING_NOTICE_MS) return;
    this.#toldMs = nowMs;
    const says =
      'more sessions wait than subscriptions are remembered of: of those that are forgotten they count from zero';
    this.#emit({ name: 'ceiling.reached', ceiling: 'subscriptionsRemembered', limit: this.#bytesMax, says });
  }
}
