/** Balancing by connections: whoever has the fewest for its weight takes the next. */
import type { Balancer, Candidate } from './balance.ts';

export class LeastConnections implements Balancer {
  pick<Kind extends Candidate>(candidates: readonly Kind[]): Kind {
    let best = candidates[0]!;
    let least = Number.POSITIVE_INFINITY;
    for (const candidate of candidates) {
      const load = (candidate.connections + 1) / (candidate.weight * candidate.share);
      if (load >= least) continue;
      least = load;
      best = candidate;
    }
    return best;
  }
}
