/** All connections of the gateway: what a reload, a shutdown and an operator reach them through. */
import { type TurnShare, turnShare } from '../base/turn-share.ts';
import { Reason } from '../mqtt/reason.ts';
import type { BanSubject } from '../policy/detection/bans/ban.ts';
import type { Cause } from './cause.ts';
import { banOf, wordsOf } from './checks/banned.ts';
import type { Connection } from './connection.ts';
import { isMeantBy } from './membership.ts';
import type { ConnectionPolicy } from './policy.ts';
import { isMisplaced } from './rights.ts';

export class Connections {
  readonly #all = new Set<Connection>();
  #turn = this.#all.values();
  #onEmpty: (() => void) | undefined;
  readonly #share: TurnShare;

  constructor(share: TurnShare = turnShare) {
    this.#share = share;
  }

  get count(): number {
    return this.#all.size;
  }

  /** Those that end while they are walked through are seen no more. */
  values(): IterableIterator<Connection> {
    return this.#all.values();
  }

  add(connection: Connection): void {
    this.#all.add(connection);
  }

  remove(connection: Connection): void {
    this.#all.delete(connection);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** The next ones, round and round; at most as many as there are. */
  *nextInTurn(count: number): Generator<Connection> {
    for (let i = 0; i < count; i++) {
      let next = this.#turn.next();
      if (next.done === true) {
        // A walk over a Set goes on through what is added meanwhile, and ends for good where there was nothing left.
        this.#turn = this.#all.values();
        next = this.#turn.next();
      }
      if (next.done === true) return;
      yield next.value;
    }
  }

  ofListener(listener: string): Connection[] {
    return [...this.#all].filter((connection) => connection.client.downstream.listener === listener);
  }

  /** Puts the new policy of each listener into force on its open connections. */
  applyPolicies(policyOf: (listener: string) => ConnectionPolicy | undefined): void {
    for (const connection of [...this.#all]) {
      const policy = policyOf(connection.client.downstream.listener);
      if (policy !== undefined) connection.applyPolicy(policy);
    }
  }

  /** The rights of those that are meant are asked for anew; who belongs to another upstream now has to come again. */
  decideAnewFor(subject: BanSubject): void {
    const isMeant = isMeantBy(subject);
    for (const connection of [...this.#all]) {
      if (!isMeant(connection.client)) continue;
      const isKnown = connection.client.identity !== undefined;
      if (!isKnown || !isMisplaced(connection.client)) connection.decideAnew();
      else connection.withdraw('quarantine', 'it has to connect anew', moveReason(connection));
    }
  }

  /** Every client's rights are asked for anew, because somebody wants to see the answers. */
  decideAnew(): void {
    for (const connection of [...this.#all]) connection.decideAnew();
  }

  /** Ends those whose identity one method has established and would not establish again; `usernames` undefined means all. */
  recheckIdentities(method: string, usernames: ReadonlySet<string> | undefined): void {
    for (const connection of [...this.#all]) {
      const { identity } = connection.client;
      if (identity?.method !== method) continue;
      if (usernames === undefined || usernames.has(identity.username ?? '')) connection.recheckIdentity();
    }
  }

  /** Ends those whose certificate would no longer be let in. */
  recheckCertificates(): void {
    for (const connection of [...this.#all]) {
      if (connection.client.downstream.certificate !== undefined) connection.recheckIdentity();
    }
  }

  all(): Iterable<Connection> {
    return this.#all;
  }

  /** Ends those that are meant; their Wills are discarded. */
  end(subject: BanSubject, reason: number, by: string, says: string): void {
    const isMeant = isMeantBy(subject);
    for (const connection of this.#all) {
      if (isMeant(connection.client)) this.#endInTurn(connection, () => connection.withdraw(by, says, reason));
    }
  }

  /** Ends those of clients that are banned by now. */
  expelBanned(): void {
    for (const connection of this.#all) {
      const ban = banOf(connection.client);
      if (ban === undefined) continue;
      const { by, says } = wordsOf(ban);
      this.#endInTurn(connection, () => {
        // DEVIATION: DISCONNECT has no code for a ban [MQTT-3.14.2-1]; this one is for what an administrator does.
        connection.withdraw(by, says, connection.isOpen ? Reason.AdministrativeAction : Reason.Banned);
      });
    }
  }

  /** Thousands may have to go at once: none of them is heard from now on, and each ends when it is its turn. */
  #endInTurn({ client }: Connection, end: () => void): void {
    if (client.isCondemned) return;
    client.isCondemned = true;
    this.#share.run(end);
  }

  /** Ends every connection with a reason. */
  shutAll(reason: number, by: string, says: string): void {
    for (const connection of [...this.#all]) connection.shut(reason, by, says);
  }

  /** Ends those that are open, and the others when they are; those without a CONNECT at the second call. */
  leaveAll(cause: Cause): void {
    for (const connection of [...this.#all]) connection.leave(cause);
  }

  destroyAll(): void {
    for (const connection of [...this.#all]) connection.destroy();
  }

  /** Resolves when the last connection has gone. */
  whenEmpty(): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }
}

/** CONNACK has no code for what an administrator does; who is told that the server is busy tries again. */
function moveReason({ isOpen }: Connection): number {
  return isOpen ? Reason.AdministrativeAction : Reason.ServerBusy;
}
