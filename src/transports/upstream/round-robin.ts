/** Balancing in turn, by weight, without bursts: with weights 2 and 1 the order is a, b, a, and not a, a, b. */
import type { Balancer, Candidate } from './balance.ts';

export class RoundRobin implements Balancer {
  /** How long each has waited for its turn, in weights. */
  readonly #credits = new Map<string, number>();

  /** Everybody earns its weight; the one with the most pays for all of them. */
  pick<Kind extends Candidate>(candidates: readonly Kind[]): Kind {
    let best = candidates[0]!;
    let most = Number.NEGATIVE_INFINITY;
    let total = 0;
    for (const candidate of candidates) {
      const earned = candidate.weight * candidate.share;
      const credit = (this.#credits.get(candidate.name) ?? 0) + earned;
      this.#credits.set(candidate.name, credit);
      total += earned;
      if (credit <= most) continue;
      most = credit;
      best = candidate;
    }
    this.#credits.set(best.name, most - total);
    return best;
  }

  /** Forgets who is no longer there. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#credits.keys()) if (!names.has(name)) this.#credits.delete(name);
  }
}
