/**
 * A certificate revocation list [RFC 5280 5] as it was published: read strictly, asked in constant time, and believed by nobody
 * before its signature was checked.
 */

import { forEachExtension, readDistributionPointName } from '../x509/certificate-fields.ts';
import { constructed, DerFault, type DerReader, primitive, significantFrom, Tag } from '../x509/der.ts';
import { readSigned, type Signed } from '../x509/signed.ts';

/** For which certificates of its issuer a list speaks. */
export interface ListScope {
  readonly onlyUsers: boolean;
  readonly onlyAuthorities: boolean;
  /** The certificate has to name one of these places; undefined: it speaks for all of them. */
  readonly uris: readonly string[] | undefined;
}

export interface RevocationList {
  /** Name of the issuer, as DER. */
  readonly issuer: Uint8Array;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly entries: number;
  readonly scope: ListScope;
  readonly signed: Signed;
  /** As the file or the server gave it. */
  readonly der: Uint8Array;
  /** Whether it names this serial number, in hex without zeros in front. */
  names(serial: string): boolean;
}

/** Hands the event loop back for a moment. */
export type Pause = () => Promise<void>;

/** Lists that were read whole take this many entries between two pauses, some milliseconds of work. */
const ENTRIES_PER_TURN = 4096;
/** SEQUENCE, INTEGER and UTCTime at their shortest. */
const ENTRY_MIN_BYTES = 20;
const SERIAL_MAX_BYTES = 64;

const CRL_NUMBER = '2.5.29.20';
const REASON_CODE = '2.5.29.21';
const INVALIDITY_DATE = '2.5.29.24';
const DELTA_CRL_INDICATOR = '2.5.29.27';
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
const CERTIFICATE_ISSUER = '2.5.29.29';
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';

const EVERYTHING: ListScope = Object.freeze({ onlyUsers: false, onlyAuthorities: false, uris: undefined });

/** A string instead of a list says what is wrong with it. */
export async function readRevocationList(der: Uint8Array, pause: Pause): Promise<RevocationList | string> {
  try {
    return await read(der, pause);
  } catch (error) {
    if (error instanceof DerFault) return `it is no revocation list: ${error.message}`;
    if (error instanceof UnsuitableList) return error.message;
    throw error;
  }
}

/** One that is well-formed, and yet not of a kind that decisions can be made on. */
class UnsuitableList extends Error {}

async function read(der: Uint8Array, pause: Pause): Promise<RevocationList> {
  const { signed, inside: fields } = readSigned(der);
  if (fields.optional(Tag.Integer)) {
    // Version 2, without which there are no extensions; version 1 has no such field.
    if (fields.body().length !== 1 || fields.body()[0] !== 1) throw new DerFault('the version is unknown');
  }
  if (!same(fields.read(Tag.Sequence).whole(), signed.algorithm))
    throw new DerFault('it names two signature algorithms');
  const issuer = fields.read(Tag.Sequence).whole();
  const thisUpdateMs = fields.timeMs();
  if (!fields.nextIs(Tag.UtcTime) && !fields.nextIs(Tag.GeneralizedTime)) {
    throw new UnsuitableList('it has no nextUpdate, so that nobody could tell when it is out of date');
  }
  const nextUpdateMs = fields.timeMs();
  const table = fields.optional(Tag.Sequence) ? await SerialTable.read(fields, pause) : undefined;
  const scope = fields.optional(constructed(0)) ? readScope(fields.inside()) : EVERYTHING;
  fields.finish();
  return Object.freeze({
    issuer,
    thisUpdateMs,
    nextUpdateMs,
    entries: table?.count ?? 0,
    scope,
    signed,
    der,
    names: (serial: string) => table?.has(Buffer.from(serial, 'hex')) ?? false,
  });
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function readScope(extensions: DerReader): ListScope {
  let scope = EVERYTHING;
  forEachExtension(extensions, (oid, value, isCritical) => {
    switch (oid) {
      case DELTA_CRL_INDICATOR:
        throw new UnsuitableList('it is a delta list, which tells only what has changed: give the complete list');
      case ISSUING_DISTRIBUTION_POINT:
        scope = readIssuingDistributionPoint(value);
        break;
      case CRL_NUMBER:
      case AUTHORITY_KEY_IDENTIFIER:
        break;
      default:
        if (isCritical) throw new UnsuitableList(`it has a critical extension that is not known here (${oid})`);
    }
  });
  return scope;
}

function readIssuingDistributionPoint(value: DerReader): ListScope {
  const point = value.read(Tag.Sequence).inside();
  let uris: string[] | undefined;
  let onlyUsers = false;
  let onlyAuthorities = false;
  while (!point.isDone) {
    point.read();
    const isSet = point.body().length === 1 && point.body()[0] !== 0;
    if (point.tag === constructed(0)) {
      uris = readDistributionPointName(point.inside());
    } else if (point.tag === primitive(1)) {
      onlyUsers = isSet;
    } else if (point.tag === primitive(2)) {
      onlyAuthorities = isSet;
    } else if (point.tag === primitive(3)) {
      throw new UnsuitableList('it is for some reasons of revocation only: give one for all of them');
    } else if (point.tag === primitive(4)) {
      if (isSet) throw new UnsuitableList('it is an indirect list, of several issuers: give one for each issuer');
    } else if (point.tag === primitive(5)) {
      if (isSet) throw new UnsuitableList('it is for attribute certificates only');
    } else {
      throw new DerFault('its distribution point has a field that nobody knows');
    }
  }
  return Object.freeze({ onlyUsers, onlyAuthorities, uris });
}

/** Where each revoked serial number stands in the list's own bytes, found by its hash: a million entries cost no objects. */
class SerialTable {
  readonly #bytes: Uint8Array;
  /** Positions of serial numbers, 0 where there is none; open addressing, at most half full. */
  readonly #slots: Uint32Array;
  count = 0;

  private constructor(bytes: Uint8Array, entriesMax: number) {
    this.#bytes = bytes;
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(entriesMax, 4) * 2)));
  }

  /** Of the sequence that was read last. */
  static async read(sequence: DerReader, pause: Pause): Promise<SerialTable> {
    const entriesMax = Math.ceil((sequence.bodyEnd - sequence.bodyStart) / ENTRY_MIN_BYTES);
    const table = new SerialTable(sequence.bytes, entriesMax);
    const entries = sequence.inside();
    while (!entries.isDone) {
      const entry = entries.read(Tag.Sequence).inside();
      const { start, bodyStart, bodyEnd } = entry.read(Tag.Integer);
      if (bodyEnd === bodyStart || bodyEnd - bodyStart > SERIAL_MAX_BYTES) {
        throw new DerFault('a serial number is none');
      }
      // The date is of no consequence: what is named is revoked.
      entry.read();
      if (entry.tag !== Tag.UtcTime && entry.tag !== Tag.GeneralizedTime) throw new DerFault('an entry has no date');
      if (!entry.isDone) checkEntry(entry);
      table.#add(start);
      if (table.count % ENTRIES_PER_TURN === 0) await pause();
    }
    return table;
  }

  #add(position: number): void {
    const [start, end] = this.#boundsAt(position);
    const mask = this.#slots.length - 1;
    let slot = hash(this.#bytes, start, end) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = position;
    this.count++;
  }

  has(serial: Uint8Array): boolean {
    const from = significantFrom(serial, 0, serial.length);
    const mask = this.#slots.length - 1;
    for (let slot = hash(serial, from, serial.length) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const [start, end] = this.#boundsAt(this.#slots[slot]!);
      if (same(this.#bytes.subarray(start, end), serial.subarray(from))) return true;
    }
    return false;
  }

  /** Of the INTEGER at `position`, whose length is of one octet. */
  #boundsAt(position: number): [start: number, end: number] {
    const start = position + 2;
    const end = start + this.#bytes[position + 1]!;
    return [significantFrom(this.#bytes, start, end), end];
  }
}

function checkEntry(entry: DerReader): void {
  const all = entry.read(Tag.Sequence).inside();
  while (!all.isDone) {
    const extension = all.read(Tag.Sequence).inside();
    const oid = extension.oid();
    if (oid === REASON_CODE || oid === INVALIDITY_DATE) continue;
    if (oid === CERTIFICATE_ISSUER) throw new UnsuitableList('it is an indirect list, of several issuers');
    if (extension.nextIs(Tag.Boolean) && extension.boolean()) {
      throw new UnsuitableList(`an entry has a critical extension that is not known here (${oid})`);
    }
  }
}

/** FNV-1a. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let at = start; at < end; at++) value = Math.imul(value ^ bytes[at]!, 0x01000193);
  // Serial numbers that count up differ in their last octets only.
  return (value ^ (value >>> 15)) >>> 0;
}

const PEM_BLOCK = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g;

/** The lists in a file, as DER: PEM with one or more, or DER itself. Empty when it is neither. */
export function listsInFile(bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] === Tag.Sequence) return [bytes];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return [...text.matchAll(PEM_BLOCK)].map((match) => Buffer.from(match[1]!, 'base64'));
}
