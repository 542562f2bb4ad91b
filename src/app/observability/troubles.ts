/**
 * What is broken at this moment: told by events that begin it, until events end it. Brokers behind are asked themselves, because they
 * come and go with the configuration.
 */
import type { GatewayEvent } from '../../base/events.ts';
import { eventSentence } from '../event-sentence.ts';

export interface Trouble {
  /** Such as `backend directory` or `storage /var/lib/sallyport/bans.db`. */
  readonly what: string;
  /** ISO 8601. */
  readonly since: string;
  readonly says: string;
}

/** More than these at once are not told apart. */
const TROUBLES_MAX = 1000;

export class Troubles {
  readonly #open = new Map<string, Trouble>();

  /** Those that last, the oldest first. */
  list(): Trouble[] {
    return [...this.#open.values()];
  }

  take(event: GatewayEvent, epochMs: number): void {
    // Those that the configuration names are made anew, and tell anew.
    if (event.name === 'config.reloaded') this.#forget(/^(backend|listener|receiver) /);
    const change = changeOf(event);
    if (change === undefined) return;
    const { what, isBroken } = change;
    if (!isBroken) this.#open.delete(what);
    else if (!this.#open.has(what) && this.#open.size < TROUBLES_MAX) {
      this.#open.set(what, { what, since: new Date(epochMs).toISOString(), says: eventSentence(event) });
    }
  }

  #forget(which: RegExp): void {
    for (const what of [...this.#open.keys()]) if (which.test(what)) this.#open.delete(what);
  }
}

function changeOf(event: GatewayEvent): { what: string; isBroken: boolean } | undefined {
  switch (event.name) {
    case 'storage.failed':
    case 'storage.recovered':
      return { what: `storage ${event.path}`, isBroken: event.name === 'storage.failed' };
    case 'collector.failed':
    case 'collector.recovered':
      return { what: `collector ${event.collector}`, isBroken: event.name === 'collector.failed' };
    case 'receiver.failed':
    case 'receiver.recovered':
      return { what: `receiver ${event.receiver}`, isBroken: event.name === 'receiver.failed' };
    case 'backend.failed':
    case 'backend.recovered':
      return { what: `backend ${event.backend}`, isBroken: event.name === 'backend.failed' };
    case 'firewall.failed':
    case 'firewall.recovered':
      return { what: 'firewall', isBroken: event.name === 'firewall.failed' };
    case 'listener.failed':
    case 'listener.opened':
      return { what: `listener ${event.listener}`, isBroken: event.name === 'listener.failed' };
    case 'worker.exited':
    case 'worker.started':
      return { what: `worker ${event.slot}`, isBroken: event.name === 'worker.exited' };
    case 'config.rejected':
    case 'config.reloaded':
      return { what: 'configuration', isBroken: event.name === 'config.rejected' };
    default:
      return undefined;
  }
}
