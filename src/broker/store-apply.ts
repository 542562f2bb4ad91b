/** Turns the store's operations into statements, within a transaction that the caller opens. Runs in the store's thread. */

import type { DatabaseSync } from 'node:sqlite';
import { Op, type Part, type Value } from './store-thread.ts';

export type Apply = (part: Part) => void;

/** Prepares every statement once. The returned function throws what SQLite throws. */
export function prepareApply(database: DatabaseSync): Apply {
  const prepare = (sql: string) => database.prepare(sql);
  const deleteSession = [
    prepare('DELETE FROM outgoing WHERE session = ?'),
    prepare('DELETE FROM incoming WHERE session = ?'),
    prepare('DELETE FROM subscription WHERE session = ?'),
    prepare('DELETE FROM session WHERE number = ?'),
  ];
  const putSession = prepare(
    `INSERT OR REPLACE INTO session (number, client_id, owner, expiry_interval_s, disconnected_at_ms, will_topic, will_qos,
       will_retain, will_delay_s, will_author, will_properties, will_payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const putSubscription = prepare('INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?)');
  const deleteSubscription = prepare('DELETE FROM subscription WHERE session = ? AND filter = ?');
  const putMessage = prepare(
    `INSERT OR IGNORE INTO message (id, topic, publisher, qos, retain, expires_at_ms, properties, payload)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // An update, not a replacement: only that tells the triggers which message is no longer meant.
  const putOutgoing = prepare(
    `INSERT INTO outgoing (session, sequence, packet_id, state, qos, retain, identifiers, message)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (session, sequence) DO UPDATE SET packet_id = excluded.packet_id, state = excluded.state,
       qos = excluded.qos, retain = excluded.retain, identifiers = excluded.identifiers, message = excluded.message`,
  );
  const deleteOutgoing = prepare('DELETE FROM outgoing WHERE session = ? AND sequence = ?');
  const putIncoming = prepare('INSERT OR IGNORE INTO incoming (session, packet_id) VALUES (?, ?)');
  const deleteIncoming = prepare('DELETE FROM incoming WHERE session = ? AND packet_id = ?');
  const putRetained = prepare(
    'INSERT INTO retained (topic, message) VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET message = excluded.message',
  );
  const deleteRetained = prepare('DELETE FROM retained WHERE topic = ?');

  return ({ values, bytes }) => {
    let at = 0;
    let bytesAt = 0;
    const next = (): Value => values[at++]!;
    /** None and empty are the same on disk: NULL. */
    const nextBytes = (): Uint8Array | null => {
      const length = values[at++] as number;
      if (length === 0) return null;
      bytesAt += length;
      return bytes.subarray(bytesAt - length, bytesAt);
    };
    while (at < values.length) {
      const op = next();
      switch (op) {
        case Op.DeleteSession: {
          const session = next();
          for (const statement of deleteSession) statement.run(session);
          break;
        }
        case Op.PutSession:
          putSession.run(
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
            nextBytes(),
            nextBytes(),
          );
          break;
        case Op.PutSubscription:
          putSubscription.run(next(), next(), next(), next(), next(), next(), next());
          break;
        case Op.DeleteSubscription:
          deleteSubscription.run(next(), next());
          break;
        case Op.PutMessage:
          putMessage.run(next(), next(), next(), next(), next(), next(), nextBytes(), nextBytes());
          break;
        case Op.PutOutgoing:
          putOutgoing.run(next(), next(), next(), next(), next(), next(), next(), next());
          break;
        case Op.DeleteOutgoing:
          deleteOutgoing.run(next(), next());
          break;
        case Op.PutIncoming:
          putIncoming.run(next(), next());
          break;
        case Op.DeleteIncoming:
          deleteIncoming.run(next(), next());
          break;
        case Op.PutRetained:
          putRetained.run(next(), next());
          break;
        case Op.DeleteRetained:
          deleteRetained.run(next());
          break;
        default:
          throw new Error(`unknown operation ${op}`);
      }
    }
  };
}
