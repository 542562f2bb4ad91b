/**
 * Who owns the client identifiers that are connected through one upstream. The brokers behind know no owners: without this a
 * client could disconnect another's by its identifier, and take its session over.
 */

interface Holding {
  readonly owner: string;
  /** More than one link while the broker has yet to end the older one. */
  links: number;
}

export class ClientOwners {
  readonly #holdings = new Map<string, Holding>();

  get size(): number {
    return this.#holdings.size;
  }

  /** Whether `owner` may use the identifier now; then it holds it until `release`. */
  claim(clientId: string, owner: string): boolean {
    const holding = this.#holdings.get(clientId);
    if (holding === undefined) this.#holdings.set(clientId, { owner, links: 1 });
    else if (holding.owner === owner) holding.links++;
    else return false;
    return true;
  }

  release(clientId: string): void {
    const holding = this.#holdings.get(clientId);
    if (holding === undefined) return;
    holding.links--;
    if (holding.links === 0) this.#holdings.delete(clientId);
  }
}

/** The same for all processes of one gateway, kept by the one that started them. Each claim that is granted is released once. */
export interface SharedOwners {
  claim(upstream: string, clientId: string, owner: string): Promise<boolean>;
  release(upstream: string, clientId: string): void;
}
