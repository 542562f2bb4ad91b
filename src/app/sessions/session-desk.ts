/**
 * What operators ask of MQTT sessions: to see those that the embedded broker keeps and those of clients that are connected to
 * others, and to end one. Another broker's session whose client is away is not ours to know.
 */
import type { Clock } from '../../base/clock.ts';
import type { Emit } from '../../base/events.ts';
import { matchesWildcard } from '../../base/wildcard.ts';
import type { KeptSession, KeptSessions } from '../../broker/kept-session.ts';
import type { ClientDetails } from '../clients/client-facts.ts';
import { type Cursor, demandKnown, readCursor, START } from '../clients/client-query.ts';
import type { FoundClients, GatewayClients } from '../clients/gateway-clients.ts';
import type { Config } from '../config/config.ts';
import { EMBEDDED, UNNAMED } from '../config/upstream-schema.ts';
import { type SilentWorker, unheardOf } from '../silent-workers.ts';
import type { RemovedSession, SessionDetails, SessionPage, SessionState } from './session-facts.ts';
import { connectedDetails, connectedSummary, keptDetails, keptSummary, usernameOf } from './session-rows.ts';

export interface SessionFilter {
  /** `*` stands for any characters. */
  readonly clientId?: string | undefined;
  /** As `clientId`. */
  readonly username?: string | undefined;
  readonly state?: SessionState | undefined;
  /** `embedded`, or the name of an upstream. */
  readonly broker?: string | undefined;
}

export interface SessionDeskOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly clients: GatewayClients;
  /** Those of the embedded broker; undefined where no client is led there. */
  readonly kept: () => KeptSessions | undefined;
  readonly config: () => Pick<Config, 'upstream' | 'upstreams'>;
}

export type Removal =
  | ({ readonly kind: 'removed' } & RemovedSession)
  | { readonly kind: 'absent' | 'elsewhere'; readonly says: string };

/** What a removal tells a client of MQTT 5, and the record. */
const SAYS = 'an operator has removed the session';

/** Where a page begins: behind a session of the embedded broker, or behind a connection to another. */
interface Place {
  readonly number: number;
  readonly connection: Cursor | undefined;
}

/** Of sessions that are kept, so many are looked at for one page. */
const LOOKED_MAX = 10_000;

interface KeptPage {
  readonly sessions: readonly KeptSession[];
  /** The number of the last one that was looked at. */
  readonly through: number;
  /** There are no more behind it. */
  readonly isEnd: boolean;
}

const KEPT = /^s(\d{1,15})$/;

/** @throws {OperatorError} where the text is no cursor that a page had. */
function placeOf(cursor: string | undefined): Place {
  const [, number] = KEPT.exec(cursor ?? 's0') ?? [];
  if (number !== undefined) return { number: Number(number), connection: undefined };
  return { number: Number.POSITIVE_INFINITY, connection: readCursor(cursor) };
}

export class SessionDesk {
  readonly #options: SessionDeskOptions;
  /** Brokers behind that there are or were: a client may still be connected to one that a reload has taken away. */
  readonly #known = new Set<string>();

  constructor(options: SessionDeskOptions) {
    this.#options = options;
    this.#brokersKnown();
  }

  /**
   * Those of the embedded broker first, in the order in which they began. A page looks at so many of them at most: one of a filter that
   * few fit may be short, or empty, before the last.
   * @throws {OperatorError} where the cursor is none, or there is no such broker.
   */
  async list(filter: SessionFilter, cursor: string | undefined, countMax: number): Promise<SessionPage> {
    const place = placeOf(cursor);
    if (filter.broker !== undefined) demandKnown('broker', filter.broker, [EMBEDDED, ...this.#brokersKnown()]);
    const own = this.#keptPage(filter, place.number, countMax);
    const room = own.isEnd ? countMax - own.sessions.length : 0;
    const others = await this.#connectedPage(filter, place.connection ?? START, room);
    const isBefore = !own.isEnd || (room === 0 && others.next !== null);
    const epochMs = this.#options.clock.epochMs();
    const matched = this.#keptMatched(filter);
    return {
      sessions: [
        ...own.sessions.map((session) => keptSummary(session, epochMs)),
        ...others.clients.map(connectedSummary),
      ],
      matched: matched === null || others.matched === null ? null : matched + others.matched,
      sources: this.#sources(),
      silentWorkers: others.silentWorkers,
      next: isBefore ? `s${own.through}` : others.next,
    };
  }

  #keptPage(filter: SessionFilter, after: number, countMax: number): KeptPage {
    const sessions: KeptSession[] = [];
    let through = after;
    let looked = 0;
    for (const session of this.#candidates(filter, after)) {
      if (looked++ === LOOKED_MAX) return { sessions, through, isEnd: false };
      if (fits(session, filter)) {
        if (sessions.length === countMax) return { sessions, through, isEnd: false };
        sessions.push(session);
      }
      through = session.number;
    }
    return { sessions, through, isEnd: true };
  }

  /** Behind a number: one where the client identifier is whole, else all of them. */
  #candidates({ clientId, broker = EMBEDDED }: SessionFilter, after: number): Iterable<KeptSession> {
    const kept = this.#options.kept();
    if (kept === undefined || broker !== EMBEDDED) return [];
    if (clientId === undefined || clientId.includes('*')) return kept.after(after);
    const session = kept.get(clientId);
    return session !== undefined && session.number > after ? [session] : [];
  }

  /** On all pages. Null where there are too many to look at each. */
  #keptMatched(filter: SessionFilter): number | null {
    const { clientId, username, state, broker = EMBEDDED } = filter;
    const kept = this.#options.kept();
    if (kept === undefined || broker !== EMBEDDED) return 0;
    const { count, connectedCount } = kept;
    if (clientId === undefined && username === undefined) {
      if (state === undefined) return count;
      return state === 'connected' ? connectedCount : count - connectedCount;
    }
    const isOne = clientId !== undefined && !clientId.includes('*');
    if (count > LOOKED_MAX && !isOne) return null;
    let matched = 0;
    for (const session of this.#candidates(filter, 0)) if (fits(session, filter)) matched++;
    return matched;
  }

  #connectedPage({ clientId, username, state, broker }: SessionFilter, after: Cursor, countMax: number) {
    // Nobody can be connected to another broker where there is none.
    const isNobody = state === 'away' || broker === EMBEDDED || this.#brokersKnown().size === 0;
    if (isNobody) return { clients: [], matched: 0, silentWorkers: [], next: null };
    const filter = { clientId, username, upstream: broker, upstreamNot: EMBEDDED };
    return this.#options.clients.list(filter, after, countMax);
  }

  #sources(): SessionPage['sources'] {
    const others = this.#others().map((broker) => ({ broker, knows: 'connected' as const }));
    return this.#options.kept() === undefined ? others : [{ broker: EMBEDDED, knows: 'all' }, ...others];
  }

  #brokersKnown(): ReadonlySet<string> {
    for (const name of this.#others()) this.#known.add(name);
    return this.#known;
  }

  /** Brokers behind, by name. */
  #others(): string[] {
    const { upstream, upstreams } = this.#options.config();
    const names = upstreams.map(({ name }) => name);
    return upstream.includes('://') ? [...names, UNNAMED] : names;
  }

  /** One entry, or more where listeners lead to different brokers; empty where there is none. */
  async show(clientId: string): Promise<{ sessions: SessionDetails[]; silent: readonly SilentWorker[] }> {
    const { clock, kept } = this.#options;
    const session = kept()?.get(clientId);
    const own = session === undefined ? [] : [keptDetails(session, clock.epochMs())];
    const { found, silent } = await this.#connectedElsewhere(clientId);
    return { sessions: [...own, ...found.map(connectedDetails)], silent };
  }

  async #connectedElsewhere(clientId: string): Promise<FoundClients<ClientDetails>> {
    const { found, silent } = await this.#options.clients.inspect(clientId);
    return { found: found.filter((client) => client.clientId === clientId && client.upstream !== EMBEDDED), silent };
  }

  /** Why there is no such session, as far as workers answer. */
  absence(clientId: string, silent: readonly SilentWorker[]): string {
    const others = this.#others();
    const none = `There is no session of the client ${shown(clientId)} here`;
    if (others.length === 0) return `${none}; \`sallyport sessions\` shows those there are.${unheardOf(silent)}`;
    const brokers = others.join(', ');
    return `${none}. A session that another broker (${brokers}) keeps for a client that is away is known to that broker alone: look, and remove it, there.${unheardOf(silent)}`;
  }

  /** Ends the session that the embedded broker keeps, with its connection where it has one. `who` signs it. */
  async remove(clientId: string, who: string): Promise<Removal> {
    const { clock, emit, clients, kept } = this.#options;
    const session = kept()?.get(clientId);
    if (session === undefined) {
      const { found, silent } = await this.#connectedElsewhere(clientId);
      const [elsewhere] = found;
      if (elsewhere === undefined) return { kind: 'absent', says: this.absence(clientId, silent) };
      const says = `The session of the client ${shown(clientId)} is kept by the broker ${elsewhere.upstream}, and only that can remove it; \`sallyport disconnect\` ends the connection.`;
      return { kind: 'elsewhere', says };
    }
    const was = keptSummary(session, clock.epochMs());
    const by = `operator:${who}`;
    const { found: ended, silent } = session.connected
      ? await clients.endAtOwnBroker(clientId, by, SAYS)
      : { found: [], silent: [] };
    // One that does not outlive its connection has gone with it, and a newcomer's is another. A worker that did not answer changes nothing.
    if (kept()?.get(clientId) === session) kept()?.remove(clientId);
    emit({ name: 'session.removed', clientId, queuedMessages: was.queuedMessages ?? 0, by, says: SAYS });
    const connections = ended.map(({ connectionId }) => connectionId);
    return { kind: 'removed', session: was, connections, silentWorkers: [...silent] };
  }
}

function fits(session: KeptSession, { clientId, username, state, broker }: SessionFilter): boolean {
  return (
    (broker === undefined || broker === EMBEDDED) &&
    (state === undefined || (state === 'connected') === session.connected) &&
    (clientId === undefined || matchesWildcard(clientId, session.clientId)) &&
    (username === undefined || matchesWildcard(username, usernameOf(session) ?? ''))
  );
}

function shown(clientId: string): string {
  return JSON.stringify(clientId.slice(0, 80));
}
