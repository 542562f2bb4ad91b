/**
 * Who owns the client identifiers that are connected through one upstream. The brokers behind know no owners: without this a
 * client could disconnect another's by its identifier, and take its session over.
 */

interface Holding<Link> {
  readonly owner: string;
  /** More than one link while the broker has yet to end the older one. */
  links: number;
  /** That of the latest connection that a broker has accepted. */
  latest: Link | undefined;
}

export class ClientOwners<Link = never> {
  readonly #holdings = new Map<string, Holding<Link>>();

  get size(): number {
    return this.#holdings.size;
  }

  /** Whether `owner` may use the identifier now; then it holds it until `release`. */
  claim(clientId: string, owner: string): boolean {
    const holding = this.#holdings.get(clientId);
    if (holding === undefined) this.#holdings.set(clientId, { owner, links: 1, latest: undefined });
    else if (holding.owner === owner) holding.links++;
    else return false;
    return true;
  }

  /** A broker has accepted the holder's `link`; returns the one that it accepted before, if that is still there. */
  accepted(clientId: string, link: Link): Link | undefined {
    const holding = this.#holdings.get(clientId);
    const older = holding?.latest;
    if (holding !== undefined) holding.latest = link;
    return older;
  }

  release(clientId: string, link?: Link): void {
    const holding = this.#holdings.get(clientId);
    if (holding === undefined) return;
    if (link !== undefined && holding.latest === link) holding.latest = undefined;
    holding.links--;
    if (holding.links === 0) this.#holdings.delete(clientId);
  }
}

/** The same for all processes of one gateway, kept by the one that started them. Each claim that is granted is released once. */
export interface SharedOwners {
  claim(upstream: string, clientId: string, owner: string): Promise<boolean>;
  release(upstream: string, clientId: string): void;
}
