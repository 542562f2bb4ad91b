/** A store whose disk is a few maps: it commits when a test says so, fails when told to, and can be read back after a crash. */
import type {
  Store,
  StoredMessage,
  StoredOutgoing,
  StoredSession,
  StoredSubscription,
  StoreSnapshot,
} from '../../src/broker/store.ts';

interface SessionRows {
  session: StoredSession;
  subscriptions: Map<string, StoredSubscription>;
  outgoing: Map<number, StoredOutgoing>;
  incoming: Set<number>;
}

type Change = (disk: Disk) => void;

class Disk {
  readonly sessions = new Map<string, SessionRows>();
  readonly retained = new Map<string, StoredMessage>();
}

export class SimulatedDisk implements Store {
  readonly #disk = new Disk();
  #base = -1;
  #lowest = -1;
  #pending: Change[] = [];
  #waiting: (() => void)[] = [];
  /** Commits at once, as `relaxed` seems to. */
  commitsAtOnce = true;
  isHealthy = true;
  isClosed = false;

  async load(): Promise<StoreSnapshot> {
    this.#base = this.#lowest - 1;
    const sessions = [...this.#disk.sessions.values()].map(({ session, subscriptions, outgoing, incoming }) => ({
      session,
      subscriptions: [...subscriptions.values()],
      outgoing: [...outgoing.values()].sort((a, b) => a.sequence - b.sequence),
      incoming: [...incoming],
    }));
    return { sessions, retained: [...this.#disk.retained.values()] };
  }

  #change(change: Change): void {
    this.#pending.push(change);
    if (this.commitsAtOnce) this.commit();
  }

  /** What waits reaches the disk, and whoever waited for that hears of it. */
  commit(): void {
    if (!this.isHealthy) return;
    for (const change of this.#pending.splice(0)) change(this.#disk);
    for (const run of this.#waiting.splice(0)) run();
  }

  /** The process dies: what was not committed is lost. */
  crash(): void {
    this.#pending = [];
    this.#waiting = [];
  }

  /** What belongs to a session is gone with it. */
  #rows(clientId: string, change: (rows: SessionRows) => void): void {
    this.#change((disk) => {
      const rows = disk.sessions.get(clientId);
      if (rows !== undefined) change(rows);
    });
  }

  putSession(session: StoredSession): void {
    const row = { ...session };
    this.#change((disk) => {
      const known = disk.sessions.get(row.clientId);
      if (known !== undefined) known.session = row;
      else {
        const rows = { session: row, subscriptions: new Map(), outgoing: new Map(), incoming: new Set<number>() };
        disk.sessions.set(row.clientId, rows);
      }
    });
  }

  deleteSession(clientId: string): void {
    this.#change((disk) => disk.sessions.delete(clientId));
  }

  putSubscription(clientId: string, subscription: StoredSubscription): void {
    const { filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier } = subscription;
    const row = { filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier };
    this.#rows(clientId, (rows) => rows.subscriptions.set(filter, row));
  }

  deleteSubscription(clientId: string, filter: string): void {
    this.#rows(clientId, (rows) => rows.subscriptions.delete(filter));
  }

  putOutgoing(clientId: string, outgoing: StoredOutgoing): void {
    const { message } = outgoing;
    const row = { ...outgoing, message: message === undefined ? undefined : this.#plain(message) };
    this.#rows(clientId, (rows) => rows.outgoing.set(row.sequence, row));
  }

  deleteOutgoing(clientId: string, sequence: number): void {
    this.#rows(clientId, (rows) => rows.outgoing.delete(sequence));
  }

  putIncoming(clientId: string, packetId: number): void {
    this.#rows(clientId, (rows) => rows.incoming.add(packetId));
  }

  deleteIncoming(clientId: string, packetId: number): void {
    this.#rows(clientId, (rows) => rows.incoming.delete(packetId));
  }

  putRetained(message: StoredMessage): void {
    const row = this.#plain(message);
    this.#change((disk) => disk.retained.set(row.topic, row));
  }

  deleteRetained(topic: string): void {
    this.#change((disk) => disk.retained.delete(topic));
  }

  whenSafe(run: () => void): void {
    if (this.commitsAtOnce && this.isHealthy) run();
    else this.#waiting.push(run);
  }

  healthy(): boolean {
    return this.isHealthy;
  }

  async close(): Promise<void> {
    this.commit();
    this.isClosed = true;
  }

  /** Identifiers of what is read back lie below zero, each process's below the last one's, so that they never meet. */
  #plain(message: StoredMessage): StoredMessage {
    const { id, topic, payload, qos, retain, properties, expiresAtMs, publisher } = message;
    const storedId = id < 0 ? id : this.#base - id;
    this.#lowest = Math.min(this.#lowest, storedId);
    return { id: storedId, topic, payload, qos, retain, properties, expiresAtMs, publisher };
  }
}
