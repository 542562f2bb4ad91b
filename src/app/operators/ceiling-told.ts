/** Tells of a ceiling that strangers can reach again and again, seldom enough that it does not become a flood of its own. */
import type { Clock } from '../../base/clock.ts';
import type { Emit, GatewayEvent } from '../../base/events.ts';

const SILENCE_MS = 60 * 60_000;

export type CeilingReached = Omit<Extract<GatewayEvent, { name: 'ceiling.reached' }>, 'name'>;

/** To be called each time that it is reached. */
export function ceilingTold({ clock, emit }: { clock: Clock; emit: Emit }, reached: CeilingReached): () => void {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.nowMs() - toldAtMs < SILENCE_MS) return;
    toldAtMs = clock.nowMs();
    emit({ name: 'ceiling.reached', ...reached });
  };
}
