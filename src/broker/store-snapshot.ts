/** Puts the rows that a store's thread reads back together into sessions, queues and retained messages. */

import assert from 'node:assert/strict';
import type { RetainHandling } from '../mqtt/packet.ts';
import { NO_PROPERTIES, type Properties } from '../mqtt/properties.ts';
import type { QoS } from '../mqtt/wire.ts';
import type { StoredMessage, StoredWill, StoreSnapshot } from './store.ts';
import { SessionTrack, STATES } from './store-batch.ts';
import { type Part, Table, type Value } from './store-thread.ts';

type SessionSnapshot = StoreSnapshot['sessions'][number];

/** Walks over the values of one piece. The thread has checked every range. */
class Cursor {
  readonly #values: readonly Value[];
  readonly #bytes: Uint8Array;
  readonly #properties: readonly (object | null)[];
  #at = 0;
  #bytesAt = 0;
  #propertiesAt = 0;

  constructor(part: Part, properties: readonly (object | null)[]) {
    this.#values = part.values;
    this.#bytes = part.bytes;
    this.#properties = properties;
  }

  get done(): boolean {
    return this.#at === this.#values.length;
  }

  number(): number {
    return this.#values[this.#at++] as number;
  }

  numberOrNone(): number | undefined {
    return (this.#values[this.#at++] as number | null) ?? undefined;
  }

  text(): string {
    return this.#values[this.#at++] as string;
  }

  textOrNone(): string | undefined {
    return (this.#values[this.#at++] as string | null) ?? undefined;
  }

  flag(): boolean {
    return this.#values[this.#at++] === 1;
  }

  qos(): QoS {
    return this.#values[this.#at++] as QoS;
  }

  /** A copy: one kept payload must not pin the whole piece. */
  payload(): Uint8Array {
    const start = this.#bytesAt;
    this.#bytesAt += this.number();
    return this.#bytes.slice(start, this.#bytesAt);
  }

  properties(): Properties {
    return this.#properties[this.#propertiesAt++] ?? NO_PROPERTIES;
  }
}

/** Takes pieces in the order the thread sends them: messages, sessions, then what refers to them. */
export class SnapshotReader {
  readonly snapshot: StoreSnapshot = { sessions: [], retained: [] };
  /** By client identifier. */
  readonly tracks = new Map<string, SessionTrack>();
  readonly #messageBase: number;
  readonly #messages = new Map<number, StoredMessage>();
  readonly #sessions = new Map<number, { track: SessionTrack; snapshot: SessionSnapshot }>();

  constructor(messageBase: number) {
    this.#messageBase = messageBase;
  }

  add(table: Table, part: Part, properties: readonly (object | null)[]): void {
    const cursor = new Cursor(part, properties);
    while (!cursor.done) {
      switch (table) {
        case Table.Message:
          this.#addMessage(cursor);
          break;
        case Table.Session:
          this.#addSession(cursor);
          break;
        case Table.Subscription:
          this.#session(cursor.number()).snapshot.subscriptions.push({
            filter: cursor.text(),
            qos: cursor.qos(),
            noLocal: cursor.flag(),
            retainAsPublished: cursor.flag(),
            retainHandling: cursor.number() as RetainHandling,
            subscriptionIdentifier: cursor.number(),
          });
          break;
        case Table.Outgoing:
          this.#addOutgoing(cursor);
          break;
        case Table.Incoming: {
          const { track, snapshot } = this.#session(cursor.number());
          const packetId = cursor.number();
          snapshot.incoming.push(packetId);
          track.incoming ??= new Set();
          track.incoming.add(packetId);
          break;
        }
        case Table.Retained: {
          cursor.text();
          this.snapshot.retained.push(this.#message(cursor.number()));
          break;
        }
      }
    }
  }

  /** Rows of earlier lives of the process get identifiers below zero, which no new message has. */
  #addMessage(cursor: Cursor): void {
    const row = cursor.number();
    const head = {
      id: row - this.#messageBase,
      topic: cursor.text(),
      publisher: cursor.text(),
      qos: cursor.qos(),
      retain: cursor.flag(),
      expiresAtMs: cursor.numberOrNone(),
    };
    this.#messages.set(row, { ...head, properties: cursor.properties(), payload: cursor.payload() });
  }

  #addSession(cursor: Cursor): void {
    const number = cursor.number();
    const clientId = cursor.text();
    const head = {
      clientId,
      owner: cursor.text(),
      sessionExpiryIntervalS: cursor.number(),
      disconnectedAtMs: cursor.numberOrNone(),
    };
    const topic = cursor.textOrNone();
    const willHead = { qos: cursor.qos(), retain: cursor.flag(), delayS: cursor.number() };
    const author = cursor.textOrNone();
    const willBody = { properties: cursor.properties(), payload: cursor.payload() };
    const whole = author === undefined ? { ...willHead, ...willBody } : { ...willHead, ...willBody, author };
    const will: StoredWill | undefined = topic === undefined ? undefined : { topic, ...whole };
    const track = new SessionTrack(clientId, number);
    track.stored = true;
    const snapshot: SessionSnapshot = { session: { ...head, will }, subscriptions: [], outgoing: [], incoming: [] };
    this.tracks.set(clientId, track);
    this.#sessions.set(number, { track, snapshot });
    this.snapshot.sessions.push(snapshot);
  }

  #addOutgoing(cursor: Cursor): void {
    const { track, snapshot } = this.#session(cursor.number());
    const head = {
      sequence: cursor.number(),
      packetId: cursor.number(),
      state: STATES[cursor.number()]!,
      qos: cursor.qos(),
      retain: cursor.flag(),
    };
    const identifiers = cursor.textOrNone();
    const row = cursor.numberOrNone();
    snapshot.outgoing.push({
      ...head,
      subscriptionIdentifiers: identifiers === undefined ? [] : identifiers.split(',').map(Number),
      message: row === undefined ? undefined : this.#message(row),
    });
    track.outgoing ??= new Map();
    track.outgoing.set(head.sequence, row ?? null);
  }

  #session(number: number): { track: SessionTrack; snapshot: SessionSnapshot } {
    const session = this.#sessions.get(number);
    assert(session !== undefined, 'rows without a session were removed before');
    return session;
  }

  #message(row: number): StoredMessage {
    const message = this.#messages.get(row);
    assert(message !== undefined, 'references to nothing were removed before');
    return message;
  }
}
