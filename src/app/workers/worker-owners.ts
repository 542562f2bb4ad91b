/** The client identifiers that the clients of all workers hold, by upstream; those of a worker that died are free again. */
import type { Clock } from '../../base/clock.ts';
import { ClientOwners } from '../../transports/upstream/client-owners.ts';

export class WorkerOwners {
  readonly #clock: Clock;
  readonly #upstreams = new Map<string, ClientOwners>();
  /** By worker, upstream and client identifier: how often it is held. */
  readonly #holdings = new Map<number, Map<string, Map<string, number>>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  claim(worker: number, upstream: string, wanted: { clientId: string; owner: string; isExclusive: boolean }): boolean {
    const { clientId, owner, isExclusive } = wanted;
    const owners = this.#upstreams.get(upstream) ?? new ClientOwners(this.#clock);
    this.#upstreams.set(upstream, owners);
    if (!owners.claim(clientId, owner, isExclusive)) return false;
    const held = this.#held(worker, upstream);
    held.set(clientId, (held.get(clientId) ?? 0) + 1);
    return true;
  }

  #held(worker: number, upstream: string): Map<string, number> {
    const byUpstream = this.#holdings.get(worker) ?? new Map<string, Map<string, number>>();
    this.#holdings.set(worker, byUpstream);
    const held = byUpstream.get(upstream) ?? new Map<string, number>();
    byUpstream.set(upstream, held);
    return held;
  }

  release(worker: number, upstream: string, clientId: string, keptForMs: number | undefined): void {
    const held = this.#held(worker, upstream);
    const count = held.get(clientId) ?? 0;
    if (count === 0) return;
    if (count === 1) held.delete(clientId);
    else held.set(clientId, count - 1);
    this.#upstreams.get(upstream)?.release(clientId, undefined, keptForMs);
  }

  releaseAll(worker: number): void {
    for (const [upstream, held] of this.#holdings.get(worker) ?? []) {
      for (const [clientId, count] of held) {
        for (let i = 0; i < count; i++) this.#upstreams.get(upstream)?.release(clientId);
      }
    }
    this.#holdings.delete(worker);
  }
}
