/** The open connections of one process: in the order of their numbers, and by the identifier of their client. */
import { NumberedOrder } from '../../base/numbered-order.ts';
import type { Client } from '../../pipeline/client.ts';
import type { Connection } from '../../pipeline/connection.ts';
import { placeOfConnection } from './client-query.ts';

export class OpenConnections {
  readonly #order = new NumberedOrder<Connection>();
  /** The numbers of each client's connections: nearly always one, which costs no set. */
  readonly #numbers = new Map<string, number | Set<number>>();

  get count(): number {
    return this.#order.count;
  }

  /** INVARIANT: a client whose CONNECT was accepted keeps its identifier. */
  add(connection: Connection): void {
    const { client } = connection;
    const number = numberOf(client);
    this.#order.add(number, connection);
    const { clientId = '' } = client;
    const others = this.#numbers.get(clientId);
    if (others === undefined) this.#numbers.set(clientId, number);
    else if (typeof others === 'number') this.#numbers.set(clientId, new Set([others, number]));
    else others.add(number);
  }

  /** Without effect for one that was never open, whoever else has its client identifier. */
  remove(client: Client): void {
    const number = numberOf(client);
    this.#order.remove(number);
    const { clientId = '' } = client;
    const numbers = this.#numbers.get(clientId);
    if (numbers instanceof Set) numbers.delete(number);
    if (numbers === number || (numbers instanceof Set && numbers.size === 0)) this.#numbers.delete(clientId);
  }

  /** Those whose number is higher; to be read at once, before anything changes. */
  after(number: number): Generator<Connection> {
    return this.#order.after(number);
  }

  /** Those of exactly this client identifier, the oldest first; no other is looked at. */
  ofClient(clientId: string): Connection[] {
    const numbers = this.#numbers.get(clientId) ?? [];
    const sorted = typeof numbers === 'number' ? [numbers] : [...numbers].sort((a, b) => a - b);
    return sorted.flatMap((number) => this.#order.get(number) ?? []);
  }

  /** As `ofClient`, or the one that has this as its connection identifier. */
  named(id: string): Connection[] {
    const named = this.ofClient(id);
    const other = this.#order.get(placeOfConnection(id).number);
    // Another worker may have one of the same number.
    if (other === undefined || named.includes(other) || other.client.downstream.connectionId !== id) return named;
    return [...named, other];
  }
}

/** Of its connection, within its worker. */
export function numberOf({ downstream }: Client): number {
  return placeOfConnection(downstream.connectionId).number;
}
