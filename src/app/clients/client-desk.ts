/** What operators ask of clients: to see them, to end them, to slow them down, to confine them and to let them go again. */

import { parseDurationMs } from '../../base/duration.ts';
import type { Emit } from '../../base/events.ts';
import type { Quarantine } from '../../policy/detection/quarantine.ts';
import type { BanDesk, BanRecord } from '../bans/ban-desk.ts';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/problem.ts';
import { type GatewayLimits, setLimits, unsetLimits } from '../limit-control.ts';
import { type SilentWorker, unheardOf } from '../silent-workers.ts';
import type { ClientDetails, ClientPage } from './client-facts.ts';
import {
  type ClientFilter,
  checkFilter,
  demandKnown,
  PAGE_DEFAULT,
  PAGE_MAX,
  placeOfConnection,
  readCursor,
} from './client-query.ts';
import { readClientSubject } from './client-subject.ts';
import type { FoundClients, GatewayClients } from './gateway-clients.ts';
import type { EndedClient } from './process-clients.ts';

const REASON_MAX_CHARS = 300;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const FOR_MAX_MS = 30 * 86_400_000;

export interface ClientDeskOptions {
  readonly clients: GatewayClients;
  readonly limits: GatewayLimits;
  readonly quarantine: Quarantine;
  readonly banDesk: BanDesk;
  readonly config: () => Pick<Config, 'listeners' | 'response'>;
  readonly emit: Emit;
}

export interface Disconnected {
  readonly clientId: string;
  readonly connections: readonly string[];
  /** Where a ban was asked for. */
  readonly ban: BanRecord | null;
  /** Workers that were not heard: they end what they have of it when they go on. */
  readonly silentWorkers: readonly SilentWorker[];
}

export interface Confined {
  readonly clientId: string;
  readonly role: string | undefined;
  readonly upstream: string | undefined;
  readonly forMs: number;
}

export class ClientDesk {
  readonly #options: ClientDeskOptions;

  constructor(options: ClientDeskOptions) {
    this.#options = options;
  }

  /** @throws {OperatorError} where the filter or the cursor cannot be. */
  list(filter: ClientFilter, cursor?: string, countMax: number = PAGE_DEFAULT): Promise<ClientPage> {
    const count = Math.min(PAGE_MAX, Math.max(1, countMax));
    if (filter.listener !== undefined) demandKnown('listener', filter.listener, this.#listeners());
    return this.#options.clients.list(checkFilter(filter), readCursor(cursor), count);
  }

  #listeners(): string[] {
    return this.#options.config().listeners.map(({ name }) => name);
  }

  /** @throws {OperatorError} where no such client is connected, as far as workers answer. */
  async show(id: string): Promise<FoundClients<ClientDetails>> {
    const seen = await this.#options.clients.inspect(id);
    if (seen.found.length === 0) throw notConnected(id, seen.silent);
    return seen;
  }

  /**
   * Ends the client's connections. `banFor` is a duration, `forever`, or undefined for no ban; whoever is banned is ended as those are,
   * and its Will is not published. What a worker that is silent has of it ends when that goes on.
   * @throws {OperatorError} where it is not connected, or cannot be banned.
   */
  async disconnect(id: string, who: string, asked: { reason?: string; banFor?: string } = {}): Promise<Disconnected> {
    const { reason = '', banFor } = asked;
    if (reason.length > REASON_MAX_CHARS || CONTROL.test(reason)) {
      throw new OperatorError(`A reason is one line of at most ${REASON_MAX_CHARS} characters.`);
    }
    const { clients, banDesk } = this.#options;
    if (banFor === undefined) {
      const says = reason === '' ? 'an operator has ended the connection' : reason;
      const { found, silent } = await clients.disconnect(id, `operator:${who}`, says);
      if (found.length === 0 && silent.length === 0) throw notConnected(id, silent);
      return disconnected(found[0]?.clientId ?? id, found, silent, null);
    }
    const { found, silent } = await clients.inspect(id);
    const lasting = banFor === 'forever' ? '' : banFor;
    // Who is to be banned need not be there, but who a connection belongs to only its worker knows.
    if (found.length === 0 && silent.some(({ slot }) => slot === placeOfConnection(id).slot)) {
      throw notConnected(id, silent);
    }
    const clientId = found[0]?.clientId ?? id;
    const ban = banDesk.add([readClientSubject(clientId), lasting, reason], who);
    return disconnected(clientId, found, silent, ban);
  }

  /** Sets limits of one client for now: `publish.messagesPerSecond=5` and the like. @throws {OperatorError} */
  throttle(id: string, assignments: readonly string[], forText: string | undefined, who: string) {
    return setLimits(this.#options.limits, [readClientSubject(id), forText ?? '', ...assignments], who);
  }

  /** Confines it to the role that the configuration names, whether it is connected or not. @throws {OperatorError} */
  quarantine(id: string, forText: string | undefined, who: string): Confined {
    const { role, upstream, durationMs } = this.#options.config().response.quarantine;
    if (role === undefined && upstream === undefined) {
      throw new OperatorError(
        'There is no quarantine: name a role of the policy in response.quarantine.role, or a decoy in response.quarantine.upstream, and reload. `sallyport disconnect` ends a client at once.',
      );
    }
    const forMs = forText === undefined ? durationMs : parseDurationMs(forText);
    if (forMs === undefined || forMs === 0 || forMs > FOR_MAX_MS) {
      throw new OperatorError(
        `"${forText?.slice(0, 40)}" is no time for a quarantine: give 30m or the like, up to 30d.`,
      );
    }
    readClientSubject(id);
    const subject = { kind: 'clientId', value: id } as const;
    if (!this.#options.quarantine.confine(subject, forMs)) {
      throw new OperatorError('The quarantine is full; let somebody go, or disconnect this one.');
    }
    const where = role === undefined ? `sent it to the decoy ${upstream}` : `confined it to the role ${role}`;
    const says = `an operator has ${where}`;
    const by = `operator:${who}`;
    this.#options.emit({
      name: 'response.taken',
      action: 'quarantine',
      subjectKind: 'clientId',
      subject: id,
      by,
      says,
    });
    return { clientId: id, role, upstream, forMs };
  }

  /** Lets it out of the quarantine and takes back what limits it for now; what was done. @throws {OperatorError} */
  release(id: string): { clientId: string; isOutOfQuarantine: boolean; limitsTakenBack: number } {
    const target = readClientSubject(id);
    const isOutOfQuarantine = this.#options.quarantine.release({ kind: 'clientId', value: id });
    const isLimited = this.#options.limits.overrides().some((each) => each.target === target);
    const limitsTakenBack = isLimited ? unsetLimits(this.#options.limits, [target]) : 0;
    if (isOutOfQuarantine || limitsTakenBack > 0) return { clientId: id, isOutOfQuarantine, limitsTakenBack };
    throw new OperatorError(
      `The client ${shown(id)} is neither in quarantine by its own name nor limited for now; \`sallyport quarantine list\` and \`sallyport limits list\` show who is.`,
    );
  }
}

function shown(id: string): string {
  return JSON.stringify(id.slice(0, 80));
}

function disconnected(
  clientId: string,
  ended: readonly EndedClient[],
  silent: readonly SilentWorker[],
  ban: BanRecord | null,
): Disconnected {
  return { clientId, connections: ended.map(({ connectionId }) => connectionId), ban, silentWorkers: silent };
}

function notConnected(id: string, silent: readonly SilentWorker[]): OperatorError {
  const says = `No client ${shown(id)} is connected; \`sallyport clients\` shows who is.`;
  return new OperatorError(says + unheardOf(silent));
}
