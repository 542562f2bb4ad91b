/** Whom lately most was refused to, by what the stream of events still has. */
import type { ConnectionFacts, Decision, GatewayEvent } from '../../base/events.ts';
import type { EventRing } from '../observability/event-stream/event-ring.ts';
import { isRefusal } from '../observability/refusal-tally.ts';

export interface RefusedTo {
  readonly address: string;
  /** Null where it never said one. */
  readonly clientId: string | null;
  readonly by: string;
  readonly count: number;
  /** The latest one's sentence. */
  readonly says: string;
}

/** Refused to different clients by different authors, told apart at most. */
const TOLD_APART_MAX = 1000;

/** The most refusals first. */
export function recentRefusals(ring: EventRing, sinceEpochMs: number, countMax: number): RefusedTo[] {
  const found = new Map<string, RefusedTo>();
  // From the latest on: its sentence is the one that is shown.
  for (let id = ring.lastId; id >= ring.firstId; id--) {
    const recent = ring.get(id);
    if (recent === undefined || recent.atMs < sinceEpochMs) break;
    const { event } = recent;
    if (!isRefusal(event.name)) continue;
    const { address, clientId = null, by, says, suppressed = 0 } = event as GatewayEvent & ConnectionFacts & Decision;
    const key = JSON.stringify([address, clientId, by]);
    const known = found.get(key);
    const count = (known?.count ?? 0) + 1 + suppressed;
    if (known !== undefined || found.size < TOLD_APART_MAX) {
      found.set(key, { address, clientId, by, count, says: known?.says ?? says });
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count).slice(0, countMax);
}
