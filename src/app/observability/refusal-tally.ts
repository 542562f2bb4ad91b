/** How many refusals there were since the start, those included that no event tells one by one. */
import type { EventName, GatewayEvent } from '../../base/events.ts';

/** Somebody was not let in, or did not get what they asked for. */
const REFUSALS: ReadonlySet<EventName> = new Set<EventName>([
  'connection.rejected',
  'authentication.failed',
  'connect.refused',
  'will.refused',
  'will.withheld',
  'publish.refused',
  'subscribe.refused',
  'delivery.withheld',
]);

export function isRefusal(name: EventName): boolean {
  return REFUSALS.has(name);
}

export class RefusalTally {
  #refusals = 0;

  get count(): number {
    return this.#refusals;
  }

  /** As it happened, before repeats are held back. */
  take(event: GatewayEvent): void {
    const { suppressed = 0 } = event as { suppressed?: number };
    if (REFUSALS.has(event.name)) this.#refusals += 1 + suppressed;
    // With a connection's last event come those that were held back before it.
    else if (event.name === 'connection.closed') this.#refusals += suppressed;
  }
}
