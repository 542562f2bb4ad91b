/**
 * A strict reader of DER [X.690]: definite lengths in their shortest form, and nothing past its bounds.
 *
 * It is our own because revocation lists are large: the ASN.1 library among the dependencies builds an object for every element
 * and refuses a list of more than some two thousand entries. This one keeps no more than four numbers.
 */

export const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  Oid: 0x06,
  Enumerated: 0x0a,
  Utf8String: 0x0c,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
  Sequence: 0x30,
  Set: 0x31,
} as const;

/** Context-specific tags, such as `[0]`: those that hold one value, and those that hold others. */
export const primitive = (number: number): number => 0x80 | number;
export const constructed = (number: number): number => 0xa0 | number;

/** What is no DER, or not what was expected. It is caught where a whole object is read, and never leaves this folder. */
export class DerFault extends Error {
  constructor(says: string) {
    super(says);
    this.name = 'DerFault';
  }
}

const LENGTH_OCTETS_MAX = 4;

/** Reads the elements of one level, one after another; the fields speak of the one read last. */
export class DerReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  #at: number;
  tag = -1;
  start = 0;
  bodyStart = 0;
  bodyEnd = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.end = end;
  }

  get isDone(): boolean {
    return this.#at >= this.end;
  }

  nextIs(tag: number): boolean {
    return this.#at < this.end && this.bytes[this.#at] === tag;
  }

  /** Reads an element; without a tag, whichever comes. */
  read(tag?: number): this {
    const { bytes, end } = this;
    let at = this.#at;
    if (at + 2 > end) throw new DerFault('an element is cut off');
    const found = bytes[at]!;
    if (tag !== undefined && found !== tag)
      throw new DerFault(`tag 0x${found.toString(16)} stands for 0x${tag.toString(16)}`);
    if ((found & 0x1f) === 0x1f) throw new DerFault('a tag is of more than one octet');
    this.start = at;
    let length = bytes[at + 1]!;
    at += 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > LENGTH_OCTETS_MAX) throw new DerFault('a length is indefinite or too large');
      if (at + octets > end) throw new DerFault('a length is cut off');
      length = 0;
      for (let i = 0; i < octets; i++) length = length * 256 + bytes[at + i]!;
      if (length < 0x80 || length < 256 ** (octets - 1)) throw new DerFault('a length is not in its shortest form');
      at += octets;
    }
    if (at + length > end) throw new DerFault('an element reaches past what holds it');
    this.tag = found;
    this.bodyStart = at;
    this.bodyEnd = at + length;
    this.#at = this.bodyEnd;
    return this;
  }

  /** Reads the element if it has this tag; false leaves it where it is. */
  optional(tag: number): boolean {
    if (!this.nextIs(tag)) return false;
    this.read(tag);
    return true;
  }

  /** A reader of what the last element holds. */
  inside(): DerReader {
    return new DerReader(this.bytes, this.bodyStart, this.bodyEnd);
  }

  /** What the last element holds; borrowed. */
  body(): Uint8Array {
    return this.bytes.subarray(this.bodyStart, this.bodyEnd);
  }

  /** The last element with its tag and length; borrowed. */
  whole(): Uint8Array {
    return this.bytes.subarray(this.start, this.bodyEnd);
  }

  /** Nothing may follow. */
  finish(): void {
    if (!this.isDone) throw new DerFault('something follows the last element');
  }

  oid(): string {
    const body = this.read(Tag.Oid).body();
    const arcs: number[] = [];
    let arc = 0;
    for (const octet of body) {
      arc = arc * 128 + (octet & 0x7f);
      if (arc > Number.MAX_SAFE_INTEGER / 128) throw new DerFault('an object identifier is too large');
      if (octet >= 0x80) continue;
      if (arcs.length === 0) {
        const first = Math.min(Math.floor(arc / 40), 2);
        arcs.push(first, arc - first * 40);
      } else {
        arcs.push(arc);
      }
      arc = 0;
    }
    if (arcs.length === 0 || body.at(-1)! >= 0x80) throw new DerFault('an object identifier is cut off');
    return arcs.join('.');
  }

  boolean(): boolean {
    const body = this.read(Tag.Boolean).body();
    if (body.length !== 1) throw new DerFault('a boolean is not of one octet');
    return body[0] !== 0;
  }

  /** An integer as lower-case hex, without the zero octets in front. */
  integerHex(): string {
    const body = this.read(Tag.Integer).body();
    if (body.length === 0) throw new DerFault('an integer is empty');
    return Buffer.from(body.subarray(significantFrom(body, 0, body.length))).toString('hex');
  }

  /** The octets of a BIT STRING of whole octets. */
  bits(): Uint8Array {
    const body = this.read(Tag.BitString).body();
    if (body[0] !== 0) throw new DerFault('a bit string is not of whole octets');
    return body.subarray(1);
  }

  /** UTCTime or GeneralizedTime as RFC 5280 has them: to the second, in UTC. */
  timeMs(): number {
    const { tag } = this.read();
    const text = Buffer.from(this.body()).toString('latin1');
    const form = tag === Tag.UtcTime ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : GENERALIZED_TIME;
    const parts = tag === Tag.UtcTime || tag === Tag.GeneralizedTime ? form.exec(text) : null;
    if (parts === null) throw new DerFault('a time is of no form that RFC 5280 knows');
    const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const century = tag === Tag.UtcTime ? (year < 50 ? 2000 : 1900) : 0;
    const timeMs = Date.UTC(century + year, month - 1, day, hour, minute, second);
    if (new Date(timeMs).getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 60) {
      throw new DerFault('a time is none');
    }
    return timeMs;
  }
}

const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** Where an integer's octets begin once the zeros in front are left out; the last octet always stays. */
export function significantFrom(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  while (from < end - 1 && bytes[from] === 0) from++;
  return from;
}

/** DER of an element, for what is asked of responders and for tests. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const octets: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.concat([Buffer.from([tag, 0x80 | octets.length, ...octets]), body]);
}
