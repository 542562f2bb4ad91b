/** Reads a store's tables back in pieces that cross threads cheaply. Runs in the store's thread. */

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { decodeProperties } from './store-properties.ts';
import { type FromThread, joinPart, Table, type Value } from './store-thread.ts';

const PIECE_VALUES_MAX = 16_384;
const PIECE_MAX_BYTES = 1_048_576;

type Send = (message: FromThread, transfer: ArrayBuffer[]) => void;
type Row = SQLOutputValue[];

/** Collects rows of one table until a piece is full. */
class Piece {
  readonly #table: Table;
  readonly #send: Send;
  #values: Value[] = [];
  #properties: (object | null)[] = [];
  #binaries: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(table: Table, send: Send) {
    this.#table = table;
    this.#send = send;
  }

  add(values: readonly SQLOutputValue[]): void {
    if (this.#values.length >= PIECE_VALUES_MAX || this.#sizeBytes >= PIECE_MAX_BYTES) this.flush();
    // The schema is STRICT and its ranges were checked: these are numbers, texts and nulls.
    for (const value of values) this.#values.push(value as Value);
  }

  /** The length of the payload becomes the last of the row's values. */
  addWithBytes(values: readonly SQLOutputValue[], properties: object | null, payload: Uint8Array | null): void {
    this.add(values);
    this.#properties.push(properties);
    this.#values.push(payload?.length ?? 0);
    if (payload === null) return;
    this.#binaries.push(payload);
    this.#sizeBytes += payload.length;
  }

  flush(): void {
    if (this.#values.length === 0) return;
    const part = joinPart(this.#values, this.#binaries, this.#sizeBytes);
    this.#send({ kind: 'rows', table: this.#table, part, properties: this.#properties }, [part.bytes.buffer]);
    this.#values = [];
    this.#properties = [];
    this.#binaries = [];
    this.#sizeBytes = 0;
  }
}

/** Undefined when they are damaged, null when there are none. */
function readProperties(value: SQLOutputValue | undefined): object | null | undefined {
  return value instanceof Uint8Array ? decodeProperties(value) : null;
}

function readPayload(value: SQLOutputValue | undefined): Uint8Array | null {
  return value instanceof Uint8Array ? value : null;
}

function rowsOf(database: DatabaseSync, sql: string): Iterable<Row> {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return statement.iterate() as unknown as Iterable<Row>;
}

const IDENTIFIERS = /^[0-9]{1,9}(,[0-9]{1,9})*$/;

/**
 * Sends messages, then sessions with what is theirs, then the retained. What cannot be read is left out and removed, with
 * what refers to it, so that the next start does not meet it again.
 * @returns how many rows were left out.
 */
export function readRows(database: DatabaseSync, send: Send): number {
  return (
    readMessages(database, send) +
    readSessions(database, send) +
    readOutgoing(database, send) +
    readPlain(
      database,
      send,
      Table.Subscription,
      'SELECT session, filter, qos, no_local, retain_as_published, retain_handling, identifier FROM subscription',
    ) +
    readPlain(database, send, Table.Incoming, 'SELECT session, packet_id FROM incoming') +
    readPlain(database, send, Table.Retained, 'SELECT topic, message FROM retained')
  );
}

function readMessages(database: DatabaseSync, send: Send): number {
  const piece = new Piece(Table.Message, send);
  const unreadable: SQLOutputValue[] = [];
  const sql = 'SELECT id, topic, publisher, qos, retain, expires_at_ms, properties, payload FROM message';
  for (const row of rowsOf(database, sql)) {
    const properties = readProperties(row[6]);
    if (properties === undefined) unreadable.push(row[0]!);
    else piece.addWithBytes(row.slice(0, 6), properties, readPayload(row[7]));
  }
  piece.flush();
  // The triggers remove the message with the last reference to it.
  const outgoing = database.prepare('DELETE FROM outgoing WHERE message = ?');
  const retained = database.prepare('DELETE FROM retained WHERE message = ?');
  for (const id of unreadable) {
    outgoing.run(id);
    retained.run(id);
  }
  return unreadable.length;
}

function readSessions(database: DatabaseSync, send: Send): number {
  const piece = new Piece(Table.Session, send);
  const unreadable: SQLOutputValue[] = [];
  const sql = `SELECT number, client_id, owner, expiry_interval_s, disconnected_at_ms, will_topic, will_qos, will_retain,
    will_delay_s, will_author, will_properties, will_payload FROM session`;
  for (const row of rowsOf(database, sql)) {
    const properties = readProperties(row[10]);
    if (properties === undefined) {
      // The session is worth more than its Will.
      unreadable.push(row[0]!);
      row[5] = null;
    }
    piece.addWithBytes(row.slice(0, 10), properties ?? null, readPayload(row[11]));
  }
  piece.flush();
  const forget = database.prepare('UPDATE session SET will_topic = NULL, will_properties = NULL WHERE number = ?');
  for (const number of unreadable) forget.run(number);
  return unreadable.length;
}

function readOutgoing(database: DatabaseSync, send: Send): number {
  const piece = new Piece(Table.Outgoing, send);
  const unreadable: Row[] = [];
  const sql =
    'SELECT session, sequence, packet_id, state, qos, retain, identifiers, message FROM outgoing ORDER BY session, sequence';
  for (const row of rowsOf(database, sql)) {
    if (typeof row[6] === 'string' && !IDENTIFIERS.test(row[6])) unreadable.push(row);
    else piece.add(row);
  }
  piece.flush();
  const forget = database.prepare('DELETE FROM outgoing WHERE session = ? AND sequence = ?');
  for (const row of unreadable) forget.run(row[0]!, row[1]!);
  return unreadable.length;
}

function readPlain(database: DatabaseSync, send: Send, table: Table, sql: string): number {
  const piece = new Piece(table, send);
  for (const row of rowsOf(database, sql)) piece.add(row);
  piece.flush();
  return 0;
}
