/**
 * Who owns the client identifiers of one upstream: those that are connected, and those whose session the broker still keeps. The
 * brokers behind know no owners: without this a client could disconnect another's by its identifier, and take its session over.
 */
import { BoundedMap } from '../../base/bounded-map.ts';
import type { Clock } from '../../base/clock.ts';
import type { ConnectPacket } from '../../mqtt/packet.ts';

interface Holding<Link> {
  readonly owner: string;
  /** More than one link while the broker has yet to end the older one. */
  links: number;
  /** That of the latest connection that a broker has accepted. */
  latest: Link | undefined;
  /** How long the session of the latest connection outlives it. */
  keptForMs: number;
}

/** Somebody whose session waits at the broker. */
interface Absent {
  readonly owner: string;
  readonly untilMs: number;
}

/** What whoever may not have an identifier is told; which of the two it is, is nobody's business. */
export const CLIENT_ID_TAKEN = 'the client identifier is connected already, or belongs to another user';

/** Sessions that are remembered, and for how long; a restart forgets them. */
export const ABSENT_MAX = 100_000;
const KEPT_MAX_MS = 7 * 86_400_000;

export class ClientOwners<Link = never> {
  readonly #clock: Clock;
  readonly #holdings = new Map<string, Holding<Link>>();
  readonly #absent: BoundedMap<string, Absent>;

  /** `onForgotten` is told of each identifier that is anybody's before its session is over, because there are too many. */
  constructor(clock: Clock, onForgotten: (clientId: string) => void = () => undefined, absentMax = ABSENT_MAX) {
    this.#clock = clock;
    this.#absent = new BoundedMap({
      entriesMax: absentMax,
      onEvict: (clientId, { untilMs }) => {
        if (untilMs > clock.nowMs()) onForgotten(clientId);
      },
    });
  }

  get size(): number {
    return this.#holdings.size;
  }

  /** Whether `owner` may use the identifier now; then it holds it until `release`. Exclusively means: nobody is connected with it. */
  claim(clientId: string, owner: string, isExclusive = false): boolean {
    const holding = this.#holdings.get(clientId);
    if (holding !== undefined) {
      if (holding.owner !== owner || isExclusive) return false;
      holding.links++;
      return true;
    }
    const absent = this.#absent.get(clientId);
    if (absent !== undefined && absent.owner !== owner && absent.untilMs > this.#clock.nowMs()) return false;
    this.#holdings.set(clientId, { owner, links: 1, latest: undefined, keptForMs: 0 });
    return true;
  }

  /** A broker has accepted the holder's `link`; returns the one that it accepted before, if that is still there. */
  accepted(clientId: string, link: Link): Link | undefined {
    const holding = this.#holdings.get(clientId);
    const older = holding?.latest;
    if (holding !== undefined) holding.latest = link;
    return older;
  }

  /** Whether more than one connection claims it just now. */
  isContested(clientId: string): boolean {
    return (this.#holdings.get(clientId)?.links ?? 0) > 1;
  }

  /** `keptForMs` is how long the session that the broker accepted outlives the connection; undefined where it accepted none. */
  release(clientId: string, link?: Link, keptForMs?: number): void {
    const holding = this.#holdings.get(clientId);
    if (holding === undefined) return;
    if (link !== undefined && holding.latest === link) holding.latest = undefined;
    if (keptForMs !== undefined) holding.keptForMs = Math.min(keptForMs, KEPT_MAX_MS);
    holding.links--;
    if (holding.links > 0) return;
    this.#holdings.delete(clientId);
    if (holding.keptForMs > 0) {
      this.#absent.set(clientId, { owner: holding.owner, untilMs: this.#clock.nowMs() + holding.keptForMs });
    } else if (keptForMs !== undefined) this.#absent.delete(clientId);
  }
}

/** How long the session of a connection outlives it, as its CONNECT says; before MQTT 5 that is as long as the broker likes. */
export function sessionKeptForMs({ protocolVersion, cleanStart, properties }: ConnectPacket): number {
  if (protocolVersion < 5) return cleanStart ? 0 : KEPT_MAX_MS;
  return (properties.sessionExpiryIntervalS ?? 0) * 1000;
}

export interface Claim {
  readonly clientId: string;
  readonly owner: string;
  readonly isExclusive: boolean;
  /** How long the session will wait, should the process that claims die before it can say so. */
  readonly keptForMs: number;
}

/** The same for all processes of one gateway, kept by the one that started them. Each claim that is granted is released once. */
export interface SharedOwners {
  claim(upstream: string, claim: Claim): Promise<boolean>;
  release(upstream: string, clientId: string, keptForMs: number | undefined): void;
}
