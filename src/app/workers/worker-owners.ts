/** The client identifiers that the clients of all workers hold, by upstream. Of a worker that died, only sessions hold on to them. */
import type { Clock } from '../../base/clock.ts';
import { type Claim, ClientOwners } from '../../transports/upstream/client-owners.ts';

interface Held {
  count: number;
  /** As the latest claim has it. */
  keptForMs: number;
}

export class WorkerOwners {
  readonly #clock: Clock;
  readonly #upstreams = new Map<string, ClientOwners>();
  /** By worker, upstream and client identifier. */
  readonly #holdings = new Map<number, Map<string, Map<string, Held>>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  claim(worker: number, upstream: string, { clientId, owner, isExclusive, keptForMs }: Claim): boolean {
    const owners = this.#upstreams.get(upstream) ?? new ClientOwners(this.#clock);
    this.#upstreams.set(upstream, owners);
    if (!owners.claim(clientId, owner, isExclusive)) return false;
    const held = this.#held(worker, upstream);
    held.set(clientId, { count: (held.get(clientId)?.count ?? 0) + 1, keptForMs });
    return true;
  }

  #held(worker: number, upstream: string): Map<string, Held> {
    const byUpstream = this.#holdings.get(worker) ?? new Map<string, Map<string, Held>>();
    this.#holdings.set(worker, byUpstream);
    const held = byUpstream.get(upstream) ?? new Map<string, Held>();
    byUpstream.set(upstream, held);
    return held;
  }

  release(worker: number, upstream: string, clientId: string, keptForMs: number | undefined): void {
    const held = this.#held(worker, upstream);
    const holding = held.get(clientId);
    if (holding === undefined) return;
    holding.count--;
    if (holding.count === 0) held.delete(clientId);
    this.#upstreams.get(upstream)?.release(clientId, undefined, keptForMs);
  }

  /** It died. What the brokers made of its clients nobody knows: a session that may wait is taken for one that does. */
  releaseAll(worker: number): void {
    for (const [upstream, held] of this.#holdings.get(worker) ?? []) {
      for (const [clientId, { count, keptForMs }] of held) {
        const kept = keptForMs > 0 ? keptForMs : undefined;
        for (let i = 0; i < count; i++) this.#upstreams.get(upstream)?.release(clientId, undefined, kept);
      }
    }
    this.#holdings.delete(worker);
  }
}
