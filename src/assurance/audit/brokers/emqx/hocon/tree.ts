/** HOCON as it is written (statements, pieces) and as it is meant (values), each with its place. */

export interface Place {
  /** A file, or what else the text is from. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

// --- as written ---

export interface WrittenObject {
  readonly kind: 'object';
  readonly statements: readonly Statement[];
  readonly place: Place;
}

export interface WrittenArray {
  readonly kind: 'array';
  readonly items: readonly WrittenValue[];
  readonly place: Place;
}

export interface WrittenText {
  readonly kind: 'text';
  readonly text: string;
  readonly isQuoted: boolean;
}

export interface Substitution {
  readonly kind: 'substitution';
  readonly path: readonly string[];
  /** `${?x}`: where there is none, nothing. */
  readonly isOptional: boolean;
}

export type Piece = WrittenObject | WrittenArray | WrittenText | Substitution;

/** Pieces side by side: texts become one text, objects are merged, arrays joined. */
export interface WrittenValue {
  readonly pieces: readonly Piece[];
  readonly place: Place;
}

export interface Assignment {
  readonly kind: 'assignment';
  readonly path: readonly string[];
  /** `+=` instead of `=`. */
  readonly isAppended: boolean;
  readonly value: WrittenValue;
}

export interface Inclusion {
  readonly kind: 'inclusion';
  /** As written: relative to the file that includes it. */
  readonly file: string;
  /** Without it the file may be missing. */
  readonly isRequired: boolean;
  readonly place: Place;
}

export type Statement = Assignment | Inclusion;

// --- as meant ---

export interface HoconObject {
  readonly kind: 'object';
  readonly fields: ReadonlyMap<string, HoconValue>;
  readonly place: Place;
}

export interface HoconArray {
  readonly kind: 'array';
  readonly items: readonly HoconValue[];
  readonly place: Place;
}

export interface HoconText {
  readonly kind: 'text';
  readonly text: string;
  readonly place: Place;
}

export type HoconValue = HoconObject | HoconArray | HoconText;

/** What is wrong with a HOCON text; caught where files are read. */
export class HoconFault extends Error {
  override readonly name = 'HoconFault';
  readonly reason: 'malformed' | 'too-large';

  constructor({ file, line }: Place, says: string, reason: 'malformed' | 'too-large' = 'malformed') {
    super(`${file}:${line}: ${says}`);
    this.reason = reason;
  }
}
