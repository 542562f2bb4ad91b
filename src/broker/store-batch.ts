/**
 * The changes gathered between two commits, one for each key: a later change of the same key takes the place of the earlier,
 * and what comes and goes in between leaves nothing.
 */

import type { OutgoingState, StoredMessage, StoredOutgoing, StoredSession, StoredSubscription } from './store.ts';
import { encodeProperties } from './store-properties.ts';
import { joinPart, Op, type Part, type Value } from './store-thread.ts';

/** A rough size in memory of one change, beside its payload. */
const CHANGE_BYTES = 128;

/** Ceilings of one part, so that encoding a great batch does not hold up the event loop: about a millisecond each. */
const PART_VALUES_MAX = 16_384;
const PART_MAX_BYTES = 524_288;

/** What the store remembers of a session to tell whether a key may be on disk. */
export class SessionTrack {
  readonly clientId: string;
  /** Its key on disk; never reused while the process lives. */
  readonly number: number;
  /** Whether anything of it may be on disk. */
  stored = false;
  /** The sequences on disk, each with the row of its message; null once released. */
  outgoing: Map<number, number | null> | undefined = undefined;
  /** The incoming packet identifiers on disk. */
  incoming: Set<number> | undefined = undefined;
  /** Its changes in the batch that gathers, and in the one that is being committed. */
  gathering: SessionChanges | undefined = undefined;
  committing: SessionChanges | undefined = undefined;

  constructor(clientId: string, number: number) {
    this.clientId = clientId;
    this.number = number;
  }
}

/** Null and false are removals. Maps are made when first needed: most sessions change in one way only. */
class SessionChanges {
  session: StoredSession | undefined = undefined;
  subscriptions: Map<string, StoredSubscription | null> | undefined = undefined;
  outgoing: Map<number, StoredOutgoing | null> | undefined = undefined;
  incoming: Map<number, boolean> | undefined = undefined;
}

export class Batch {
  /** How many keys have a change. */
  changes = 0;
  /** What the changes hold in memory, roughly; a message that stands in many queues counts once. */
  sizeBytes = 0;
  /** Called in order once this batch is on disk. */
  readonly waiting: (() => void)[] = [];
  readonly deletedSessions: number[] = [];
  readonly tracks = new Set<SessionTrack>();
  readonly retained = new Map<string, StoredMessage | null>();
  readonly #references = new Map<StoredMessage, number>();

  putSession(track: SessionTrack, session: StoredSession): void {
    const changes = this.#changesOf(track);
    if (changes.session === undefined) this.#count(1);
    else this.sizeBytes -= changes.session.will?.payload.length ?? 0;
    this.sizeBytes += session.will?.payload.length ?? 0;
    changes.session = session;
  }

  deleteSession(track: SessionTrack): void {
    const changes = track.gathering;
    if (changes !== undefined) {
      if (changes.session !== undefined) {
        this.#count(-1);
        this.sizeBytes -= changes.session.will?.payload.length ?? 0;
      }
      this.#count(-(changes.subscriptions?.size ?? 0) - (changes.incoming?.size ?? 0));
      if (changes.outgoing !== undefined) {
        this.#count(-changes.outgoing.size);
        for (const outgoing of changes.outgoing.values()) this.#release(outgoing?.message);
      }
      this.tracks.delete(track);
      track.gathering = undefined;
    }
    if (!track.stored) return;
    this.deletedSessions.push(track.number);
    this.#count(1);
  }

  putSubscription(track: SessionTrack, subscription: StoredSubscription): void {
    this.#setSubscription(track, subscription.filter, subscription);
  }

  deleteSubscription(track: SessionTrack, filter: string): void {
    if (track.stored) this.#setSubscription(track, filter, null);
    else if (track.gathering?.subscriptions?.delete(filter)) this.#count(-1);
  }

  putOutgoing(track: SessionTrack, outgoing: StoredOutgoing): void {
    this.#release(track.gathering?.outgoing?.get(outgoing.sequence)?.message);
    this.#refer(outgoing.message);
    this.#setOutgoing(track, outgoing.sequence, outgoing);
  }

  deleteOutgoing(track: SessionTrack, sequence: number): void {
    const pending = track.gathering?.outgoing;
    this.#release(pending?.get(sequence)?.message);
    if (track.outgoing?.has(sequence) || track.committing?.outgoing?.has(sequence)) {
      this.#setOutgoing(track, sequence, null);
    } else if (pending?.delete(sequence)) this.#count(-1);
  }

  putIncoming(track: SessionTrack, packetId: number): void {
    this.#setIncoming(track, packetId, true);
  }

  deleteIncoming(track: SessionTrack, packetId: number): void {
    if (track.incoming?.has(packetId) || track.committing?.incoming?.has(packetId)) {
      this.#setIncoming(track, packetId, false);
    } else if (track.gathering?.incoming?.delete(packetId)) this.#count(-1);
  }

  putRetained(message: StoredMessage): void {
    const before = this.retained.get(message.topic);
    if (before === undefined) this.#count(1);
    else this.#release(before ?? undefined);
    this.#refer(message);
    this.retained.set(message.topic, message);
  }

  deleteRetained(topic: string): void {
    const before = this.retained.get(topic);
    if (before === undefined) this.#count(1);
    else this.#release(before ?? undefined);
    this.retained.set(topic, null);
  }

  /** No change is added from here on; what the tracks knew as gathering is now being committed. */
  seal(): void {
    for (const track of this.tracks) {
      track.stored = true;
      track.committing = track.gathering;
      track.gathering = undefined;
    }
  }

  /** The sealed batch is on disk. */
  settle(): void {
    for (const track of this.tracks) track.committing = undefined;
  }

  #setSubscription(track: SessionTrack, filter: string, subscription: StoredSubscription | null): void {
    const changes = this.#changesOf(track);
    changes.subscriptions ??= new Map();
    if (!changes.subscriptions.has(filter)) this.#count(1);
    changes.subscriptions.set(filter, subscription);
  }

  #setOutgoing(track: SessionTrack, sequence: number, outgoing: StoredOutgoing | null): void {
    const changes = this.#changesOf(track);
    changes.outgoing ??= new Map();
    if (!changes.outgoing.has(sequence)) this.#count(1);
    changes.outgoing.set(sequence, outgoing);
  }

  #setIncoming(track: SessionTrack, packetId: number, present: boolean): void {
    const changes = this.#changesOf(track);
    changes.incoming ??= new Map();
    if (!changes.incoming.has(packetId)) this.#count(1);
    changes.incoming.set(packetId, present);
  }

  #changesOf(track: SessionTrack): SessionChanges {
    if (track.gathering === undefined) {
      track.gathering = new SessionChanges();
      this.tracks.add(track);
    }
    return track.gathering;
  }

  #count(changes: number): void {
    this.changes += changes;
    this.sizeBytes += changes * CHANGE_BYTES;
  }

  #refer(message: StoredMessage | undefined): void {
    if (message === undefined) return;
    const count = this.#references.get(message) ?? 0;
    if (count === 0) this.sizeBytes += message.payload.length;
    this.#references.set(message, count + 1);
  }

  #release(message: StoredMessage | undefined): void {
    if (message === undefined) return;
    const count = this.#references.get(message) ?? 0;
    if (count > 1) this.#references.set(message, count - 1);
    else if (this.#references.delete(message)) this.sizeBytes -= message.payload.length;
  }
}

const STATE: Record<OutgoingState, number> = { queued: 0, published: 1, released: 2 };
export const STATES: readonly OutgoingState[] = ['queued', 'published', 'released'];

class PartWriter {
  values: Value[] = [];
  #binaries: Uint8Array[] = [];
  #sizeBytes = 0;

  get full(): boolean {
    return this.values.length >= PART_VALUES_MAX || this.#sizeBytes >= PART_MAX_BYTES;
  }

  /** Notes the length now; the bytes are copied when the part is taken. */
  bytes(bytes: Uint8Array | undefined): void {
    const length = bytes?.length ?? 0;
    this.values.push(length);
    if (bytes === undefined || length === 0) return;
    this.#binaries.push(bytes);
    this.#sizeBytes += length;
  }

  take(): Part {
    const part = joinPart(this.values, this.#binaries, this.#sizeBytes);
    this.values = [];
    this.#binaries = [];
    this.#sizeBytes = 0;
    return part;
  }
}

/**
 * The batch as operations, in parts; the last part is the returned one. Payloads are copied here, once, when their part is
 * made. With `whole`, every message is sent with what refers to it, also where an earlier attempt may have written it.
 *
 * INVARIANT: a message stands right before a row that refers to it, so that no removal in between can take it away.
 */
export function* encodeBatch(batch: Batch, messageBase: number, whole: boolean): Generator<Part, Part> {
  const writer = new PartWriter();
  const sent = new Set<number>();
  const send = (message: StoredMessage): number => {
    const row = messageBase + message.id;
    if (sent.has(row)) return row;
    sent.add(row);
    writer.values.push(
      Op.PutMessage,
      row,
      message.topic,
      message.publisher,
      message.qos,
      +message.retain,
      wholeMs(message.expiresAtMs),
    );
    writer.bytes(encodeProperties(message.properties));
    writer.bytes(message.payload);
    return row;
  };

  // Before the rest: the same client may have a new session already.
  for (const number of batch.deletedSessions) {
    writer.values.push(Op.DeleteSession, number);
    if (writer.full) yield writer.take();
  }
  for (const track of batch.tracks) {
    const changes = track.committing;
    if (changes === undefined) continue;
    if (changes.session !== undefined) encodeSession(writer, track.number, changes.session);
    for (const [filter, subscription] of changes.subscriptions ?? []) {
      encodeSubscription(writer, track.number, filter, subscription);
      if (writer.full) yield writer.take();
    }
    for (const [sequence, outgoing] of changes.outgoing ?? []) {
      if (outgoing === null) {
        writer.values.push(Op.DeleteOutgoing, track.number, sequence);
        track.outgoing?.delete(sequence);
      } else {
        const row = outgoing.message === undefined ? null : messageBase + outgoing.message.id;
        if (outgoing.message !== undefined && (whole || track.outgoing?.get(sequence) !== row)) send(outgoing.message);
        encodeOutgoing(writer, track.number, outgoing, row);
        track.outgoing ??= new Map();
        track.outgoing.set(sequence, row);
      }
      if (writer.full) yield writer.take();
    }
    for (const [packetId, present] of changes.incoming ?? []) {
      writer.values.push(present ? Op.PutIncoming : Op.DeleteIncoming, track.number, packetId);
      if (present) {
        track.incoming ??= new Set();
        track.incoming.add(packetId);
      } else track.incoming?.delete(packetId);
      if (writer.full) yield writer.take();
    }
  }
  for (const [topic, message] of batch.retained) {
    if (message === null) writer.values.push(Op.DeleteRetained, topic);
    else {
      const row = send(message);
      writer.values.push(Op.PutRetained, topic, row);
    }
    if (writer.full) yield writer.take();
  }
  return writer.take();
}

function encodeSession(writer: PartWriter, number: number, session: StoredSession): void {
  const { will } = session;
  writer.values.push(
    Op.PutSession,
    number,
    session.clientId,
    session.owner,
    session.sessionExpiryIntervalS,
    wholeMs(session.disconnectedAtMs),
    will?.topic ?? null,
    will?.qos ?? null,
    will === undefined ? null : +will.retain,
    will?.delayS ?? null,
    will?.author ?? null,
  );
  writer.bytes(will && encodeProperties(will.properties));
  writer.bytes(will?.payload);
}

function encodeSubscription(
  writer: PartWriter,
  number: number,
  filter: string,
  subscription: StoredSubscription | null,
): void {
  if (subscription === null) {
    writer.values.push(Op.DeleteSubscription, number, filter);
    return;
  }
  writer.values.push(
    Op.PutSubscription,
    number,
    filter,
    subscription.qos,
    +subscription.noLocal,
    +subscription.retainAsPublished,
    subscription.retainHandling,
    subscription.subscriptionIdentifier,
  );
}

function encodeOutgoing(writer: PartWriter, number: number, outgoing: StoredOutgoing, message: number | null): void {
  const identifiers = outgoing.subscriptionIdentifiers;
  writer.values.push(
    Op.PutOutgoing,
    number,
    outgoing.sequence,
    outgoing.packetId,
    STATE[outgoing.state],
    outgoing.qos,
    +outgoing.retain,
    identifiers.length === 0 ? null : identifiers.join(','),
    message,
  );
}

/** The columns hold whole numbers, and a clock may tell fractions. */
function wholeMs(atMs: number | undefined): number | null {
  return atMs === undefined ? null : Math.trunc(atMs);
}
