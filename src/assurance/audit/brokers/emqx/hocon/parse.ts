/**
 * Reads the text of a HOCON file into statements. Strict: what it does not understand it refuses, because a guess could turn a weakness
 * into a pass. As in EMQX's own reader, texts without quotes may hold `@`, `:`, `*` and `!`.
 */
import {
  type Assignment,
  HoconFault,
  type Inclusion,
  type Piece,
  type Place,
  type Statement,
  type WrittenArray,
  type WrittenObject,
  type WrittenValue,
} from './tree.ts';

const DEPTH_MAX = 32;
const STATEMENTS_MAX = 100_000;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** @throws {HoconFault} */
export function parseHocon(file: string, text: string): readonly Statement[] {
  return new Parser(file, text).document();
}

/** One value alone, as it stands in an environment variable. @throws {HoconFault} */
export function parseHoconValue(file: string, text: string): WrittenValue {
  return new Parser(file, text).loneValue();
}

class Parser {
  readonly #file: string;
  readonly #text: string;
  #at = 0;
  #line = 1;
  #depth = 0;
  #statements = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
  }

  document(): readonly Statement[] {
    this.#blanks();
    const hasBraces = this.#text[this.#at] === '{';
    if (hasBraces) this.#at++;
    const statements = this.#body(hasBraces ? '}' : undefined);
    this.#blanks();
    if (this.#at < this.#text.length) this.#fail('Something stands behind the end.');
    return statements;
  }

  loneValue(): WrittenValue {
    this.#blanks();
    const value = this.#value();
    this.#blanks();
    if (this.#at < this.#text.length) this.#fail('Something stands behind the value.');
    return value;
  }

  #place(): Place {
    return { file: this.#file, line: this.#line };
  }

  #fail(says: string): never {
    throw new HoconFault(this.#place(), says);
  }

  #startsWith(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  /** Over spaces of one line. */
  #spaces(): void {
    while (/[ \t\r\u00a0]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #comment(): boolean {
    if (this.#text[this.#at] !== '#' && !this.#startsWith('//')) return false;
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end === -1 ? this.#text.length : end;
    return true;
  }

  /** Over spaces, comments, line ends and, between the parts of a body or an array, commas. */
  #blanks(isSeparator = false): boolean {
    let hasSeparator = false;
    for (;;) {
      this.#spaces();
      const sign = this.#text[this.#at];
      if (sign === '\n') {
        this.#line++;
        this.#at++;
        hasSeparator = true;
      } else if (sign === ',' && isSeparator) {
        this.#at++;
        hasSeparator = true;
      } else if (!this.#comment()) return hasSeparator;
    }
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > DEPTH_MAX) this.#fail(`More than ${DEPTH_MAX} levels are nested.`);
    const result = read();
    this.#depth--;
    return result;
  }

  /** Up to `close`, which it takes, or to the end of the text. */
  #body(close: '}' | undefined): Statement[] {
    const statements: Statement[] = [];
    this.#blanks(true);
    for (;;) {
      const sign = this.#text[this.#at];
      if (sign === undefined) {
        if (close !== undefined) this.#fail('A brace is not closed.');
        return statements;
      }
      if (sign === '}') {
        if (close === undefined) this.#fail('A brace is closed that was not opened.');
        this.#at++;
        return statements;
      }
      if (++this.#statements > STATEMENTS_MAX)
        throw new HoconFault(this.#place(), `There are more than ${STATEMENTS_MAX} settings.`, 'too-large');
      statements.push(this.#statement());
      const isSeparated = this.#blanks(true);
      const next = this.#text[this.#at];
      if (!isSeparated && next !== undefined && next !== '}') this.#fail('A comma or a line end is missing.');
    }
  }

  #statement(): Statement {
    return this.#inclusion() ?? this.#assignment();
  }

  #inclusion(): Inclusion | undefined {
    const match = /include[ \t]+(?=["a-z])/y;
    match.lastIndex = this.#at;
    if (!match.test(this.#text)) return undefined;
    const place = this.#place();
    this.#at = match.lastIndex;
    const isRequired = this.#take('required(');
    const isFile = this.#take('file(');
    if (this.#text[this.#at] !== '"') this.#fail('Only files are included here: include "FILE".');
    const file = this.#quoted();
    for (const isOpen of [isFile, isRequired]) {
      if (isOpen && !this.#take(')')) this.#fail('A parenthesis is not closed.');
    }
    return { kind: 'inclusion', file, isRequired, place };
  }

  #take(text: string): boolean {
    this.#spaces();
    if (!this.#startsWith(text)) return false;
    this.#at += text.length;
    this.#spaces();
    return true;
  }

  #assignment(): Assignment {
    const path = this.#path(/[^\s"{}[\]:=,+#`^?!*&\\$.]/y);
    this.#spaces();
    if (this.#text[this.#at] === '{') {
      const value = this.#value();
      return { kind: 'assignment', path, isAppended: false, value };
    }
    const isAppended = this.#startsWith('+=');
    const isAssigned = this.#text[this.#at] === '=' || this.#text[this.#at] === ':';
    if (!isAppended && !isAssigned) this.#fail('A setting needs = and its value.');
    this.#at += isAppended ? 2 : 1;
    // The value may begin on a later line.
    this.#blanks();
    return { kind: 'assignment', path, isAppended, value: this.#value() };
  }

  /** Names joined by dots, each plain or in quotes. `sign` is what plain ones are made of. */
  #path(sign: RegExp): string[] {
    const path: string[] = [];
    do {
      if (this.#text[this.#at] === '"') path.push(this.#quoted());
      else {
        const start = this.#at;
        for (sign.lastIndex = this.#at; sign.test(this.#text); sign.lastIndex = this.#at) this.#at++;
        if (this.#at === start) this.#fail(`A name was expected, not "${this.#text[this.#at] ?? 'the end'}".`);
        path.push(this.#text.slice(start, this.#at));
      }
    } while (this.#text[this.#at] === '.' && this.#at++ >= 0);
    if (path.length > DEPTH_MAX) this.#fail(`A path has more than ${DEPTH_MAX} names.`);
    return path;
  }

  #value(): WrittenValue {
    const place = this.#place();
    const pieces: Piece[] = [];
    let gap = '';
    for (;;) {
      const start = this.#at;
      this.#spaces();
      gap = this.#text.slice(start, this.#at);
      const piece = this.#piece();
      if (piece === undefined) break;
      // Blanks between texts are part of the text.
      if (pieces.length > 0 && gap !== '') pieces.push({ kind: 'text', text: gap, isQuoted: false });
      pieces.push(piece);
    }
    if (pieces.length === 0) this.#fail('A value is missing.');
    return { pieces, place };
  }

  #piece(): Piece | undefined {
    const sign = this.#text[this.#at];
    if (sign === undefined || '\n,}]#'.includes(sign) || this.#startsWith('//')) return undefined;
    if (sign === '{') return this.#nested(() => this.#object());
    if (sign === '[') return this.#nested(() => this.#array());
    if (this.#startsWith('"""')) return { kind: 'text', text: this.#tripleQuoted(), isQuoted: true };
    if (sign === '"') return { kind: 'text', text: this.#quoted(), isQuoted: true };
    if (this.#startsWith('${')) {
      const isOptional = this.#text[this.#at + 2] === '?';
      this.#at += isOptional ? 3 : 2;
      const path = this.#path(/[^\s"{}[\]:=,+#`^?!*&\\$.]/y);
      if (!this.#take('}')) this.#fail('A substitution is not closed.');
      return { kind: 'substitution', path, isOptional };
    }
    const plain = /(?:[^\s"{}[\],#=`\\$/]|\/(?!\/))+/y;
    plain.lastIndex = this.#at;
    const match = plain.exec(this.#text);
    if (match === null) this.#fail(`"${sign}" is out of place; a text that holds it needs quotes.`);
    this.#at = plain.lastIndex;
    return { kind: 'text', text: match[0], isQuoted: false };
  }

  #object(): WrittenObject {
    const place = this.#place();
    this.#at++;
    return { kind: 'object', statements: this.#body('}'), place };
  }

  #array(): WrittenArray {
    const place = this.#place();
    const items: WrittenValue[] = [];
    this.#at++;
    this.#blanks(true);
    while (this.#text[this.#at] !== ']') {
      if (this.#text[this.#at] === undefined) this.#fail('A bracket is not closed.');
      if (++this.#statements > STATEMENTS_MAX)
        throw new HoconFault(this.#place(), `There are more than ${STATEMENTS_MAX} values.`, 'too-large');
      items.push(this.#value());
      const isSeparated = this.#blanks(true);
      const next = this.#text[this.#at];
      if (!isSeparated && next !== undefined && next !== ']') this.#fail('A comma or a line end is missing.');
    }
    this.#at++;
    return { kind: 'array', items, place };
  }

  #quoted(): string {
    this.#at++;
    let text = '';
    for (;;) {
      const sign = this.#text[this.#at++];
      if (sign === undefined || sign === '\n') this.#fail('A text in quotes is not closed.');
      if (sign === '"') return text;
      text += sign === '\\' ? this.#escape() : sign;
    }
  }

  #escape(): string {
    const sign = this.#text[this.#at++] ?? '';
    if (Object.hasOwn(ESCAPES, sign)) return ESCAPES[sign]!;
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (sign !== 'u' || !/^[0-9a-fA-F]{4}$/.test(digits)) this.#fail(`\\${sign} is no escape.`);
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  /** Taken as it is; `"""~` … `~"""` is EMQX's own form, whose common indentation goes. */
  #tripleQuoted(): string {
    const start = this.#at + 3;
    let end = this.#text.indexOf('"""', start);
    if (end === -1) this.#fail('A text in triple quotes is not closed.');
    // Quotes that follow the last three belong to the text.
    while (this.#text[end + 3] === '"') end++;
    const text = this.#text.slice(start, end);
    this.#line += text.split('\n').length - 1;
    this.#at = end + 3;
    if (!text.startsWith('~\n')) return text;
    const lines = text.slice(2).replace(/~$/, '').split('\n');
    const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)![0].length);
    const indent = indents.length === 0 ? 0 : Math.min(...indents);
    return lines.map((line) => line.slice(indent)).join('\n');
  }
}
