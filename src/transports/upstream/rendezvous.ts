/**
 * Balancing by client identifier (weighted rendezvous hashing): a client returns to the broker that holds its session, and when
 * a broker comes or goes only the clients move that it gains or loses.
 */
import type { Balancer, Candidate } from './balance.ts';

export class Rendezvous implements Balancer {
  pick<Kind extends Candidate>(candidates: readonly Kind[], clientId: string): Kind {
    let best = candidates[0]!;
    let highest = Number.NEGATIVE_INFINITY;
    for (const candidate of candidates) {
      // Each draws an exponential of its weight; the highest score falls to each in the ratio of the weights.
      const score = Math.log(drawn(clientId, candidate.name)) / candidate.weight;
      if (score <= highest) continue;
      highest = score;
      best = candidate;
    }
    return best;
  }
}

/** A number in (0, 1) that is always the same for this client and target. */
function drawn(clientId: string, name: string): number {
  let high = 0x811c9dc5;
  let low = 0x01000193;
  const take = (code: number): void => {
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b);
  };
  for (let i = 0; i < name.length; i++) take(name.charCodeAt(i));
  // Keeps `a` and `bc` apart from `ab` and `c`; no text holds this code.
  take(0x10000);
  for (let i = 0; i < clientId.length; i++) take(clientId.charCodeAt(i));
  return ((mixed(high) >>> 0) * 0x200000 + (mixed(low ^ high) >>> 11) + 1) / (2 ** 53 + 2);
}

/** Murmur's finalizer: each bit of the input changes about half of the output's. */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
