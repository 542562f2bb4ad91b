/** The bans in force, as every connection is held against them: one lookup for each thing that is known of it. */
import type { Ban, BanKind, BanSubject } from './ban.ts';
import { NetworkTable } from './network-table.ts';

/** What is known of a connection. */
export interface Suspect {
  /** Normalised. */
  readonly address: string;
  readonly username?: string | undefined;
  readonly clientId?: string | undefined;
  /** SHA-256 of the client certificate, lower-case hex. */
  readonly fingerprint?: string | undefined;
}

/** Of bans, or of something else that is laid on the same subjects. */
export class BanIndex<Entry extends { readonly subject: BanSubject } = Ban> {
  readonly #single: Readonly<Record<Exclude<BanKind, 'network'>, Map<string, Entry>>> = {
    address: new Map(),
    username: new Map(),
    clientId: new Map(),
    certificate: new Map(),
  };
  readonly #networks = new NetworkTable<Entry>();
  #allowed = new NetworkTable<string>();

  get size(): number {
    const { address, username, clientId, certificate } = this.#single;
    return address.size + username.size + clientId.size + certificate.size + this.#networks.size;
  }

  /** How many there are of each kind. */
  sizes(): Readonly<Record<BanKind, number>> {
    const { address, username, clientId, certificate } = this.#single;
    return {
      address: address.size,
      network: this.#networks.size,
      username: username.size,
      clientId: clientId.size,
      certificate: certificate.size,
    };
  }

  /** Networks whose addresses no ban of an address or a network reaches. */
  set allowed(networks: readonly string[]) {
    const table = new NetworkTable<string>();
    for (const network of networks) table.set(network, network);
    this.#allowed = table;
  }

  put(ban: Entry): void {
    const { kind, value } = ban.subject;
    if (kind === 'network') this.#networks.set(value, ban);
    else this.#single[kind].set(value, ban);
  }

  get({ kind, value }: BanSubject): Entry | undefined {
    return kind === 'network' ? this.#networks.get(value) : this.#single[kind].get(value);
  }

  delete({ kind, value }: BanSubject): boolean {
    return kind === 'network' ? this.#networks.delete(value) : this.#single[kind].delete(value);
  }

  *bans(): IterableIterator<Entry> {
    for (const bans of Object.values(this.#single)) yield* bans.values();
    yield* this.#networks.values();
  }

  /** Every ban that takes in the whole of this subject, the one that answers first; whether it is allowed is another question. */
  meantFor(subject: BanSubject): Entry[] {
    const { kind, value } = subject;
    const own = this.get(subject);
    if (kind !== 'address' && kind !== 'network') return own === undefined ? [] : [own];
    const networks = this.#networks.allContaining(value);
    return own === undefined || kind === 'network' ? networks : [own, ...networks];
  }

  /** The allowed network that the whole of an address or a network lies in. */
  allowedBy({ kind, value }: BanSubject): string | undefined {
    if (kind === 'address') return this.#allowed.find(value);
    return kind === 'network' ? this.#allowed.containing(value) : undefined;
  }

  /** The ban that shuts this address out: its own, or its network's. */
  ofAddress(address: string): Entry | undefined {
    const ban = this.#single.address.get(address) ?? this.#networks.find(address);
    return ban === undefined || this.#allowed.find(address) !== undefined ? undefined : ban;
  }

  /** The first that applies: by address, user, client identifier, certificate. */
  of({ address, username, clientId, fingerprint }: Suspect): Entry | undefined {
    const { username: users, clientId: clients, certificate: certificates } = this.#single;
    return (
      this.ofAddress(address) ??
      (username === undefined ? undefined : users.get(username)) ??
      (clientId === undefined ? undefined : clients.get(clientId)) ??
      (fingerprint === undefined ? undefined : certificates.get(fingerprint))
    );
  }
}
