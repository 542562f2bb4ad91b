/** Reads the terms of an Erlang file, as far as EMQX's acl.conf uses them: tuples, lists, strings, atoms and numbers. */
import { type FaultList, quote } from '../fault-list.ts';

export type Term =
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly Term[]; readonly line: number }
  | { readonly kind: 'string' | 'atom' | 'number'; readonly text: string; readonly line: number };

interface Token {
  readonly text: string;
  readonly kind: 'sign' | 'string' | 'atom' | 'number';
  readonly line: number;
  readonly column: number;
}

const DEPTH_MAX = 16;
const CURE = 'Write it as in {allow, {username, "ann"}, publish, ["a/#"]}.';

const TOKEN =
  /(?<blank>[ \t\r\n]+|%[^\n]*)|(?<string>(?:<<)?"(?<inside>(?:[^"\\\n]|\\.)*)"(?:>>)?)|'(?<quoted>(?:[^'\\\n]|\\.)*)'|(?<atom>[a-z][A-Za-z0-9_@]*)|(?<number>\d+)|(?<sign>[{}[\],.])/y;

/** The terms that end with a dot; what is wrong goes to `faults`. */
export function readTerms(text: string, faults: FaultList): Term[] {
  const before = faults.count;
  const tokens = tokenize(text, faults);
  if (faults.count > before) return [];
  const terms: Term[] = [];
  let at = 0;
  const fail = (token: Token | undefined, says: string): undefined => {
    const last = token ?? tokens.at(-1);
    faults.add({ line: last?.line ?? 1, column: last?.column ?? 1 }, says, CURE);
    return undefined;
  };
  const readTerm = (depth: number): Term | undefined => {
    const token = tokens[at++];
    if (token === undefined) return fail(token, 'The file ends within a term.');
    if (token.kind !== 'sign') return { kind: token.kind, text: token.text, line: token.line };
    const close = token.text === '{' ? '}' : token.text === '[' ? ']' : undefined;
    if (close === undefined || depth > DEPTH_MAX) return fail(token, `${quote(token.text)} is out of place.`);
    const items: Term[] = [];
    while (tokens[at]?.text !== close || tokens[at]?.kind !== 'sign') {
      if (items.length > 0 && tokens[at++]?.text !== ',') return fail(tokens[at - 1], 'A comma is missing.');
      const item = readTerm(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    }
    at++;
    return { kind: close === '}' ? 'tuple' : 'list', items, line: token.line };
  };
  while (at < tokens.length) {
    const term = readTerm(0);
    if (term === undefined) return terms;
    const dot = tokens[at++];
    if (dot?.text !== '.') {
      fail(dot, 'A term does not end with a dot.');
      return terms;
    }
    terms.push(term);
  }
  return terms;
}

function tokenize(text: string, faults: FaultList): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let lineStart = 0;
  for (let at = 0; at < text.length; ) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const column = at - lineStart + 1;
    if (match === null) {
      faults.add({ line, column }, `${quote(text[at]!)} is out of place.`, CURE);
      return tokens;
    }
    const { blank, string, inside, quoted, atom, number, sign } = match.groups!;
    if (string !== undefined) tokens.push({ kind: 'string', text: unescaped(inside!), line, column });
    else if (quoted !== undefined) tokens.push({ kind: 'atom', text: unescaped(quoted), line, column });
    else if (atom !== undefined) tokens.push({ kind: 'atom', text: atom, line, column });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, line, column });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, line, column });
    for (let i = 0; blank !== undefined && i < blank.length; i++) {
      if (blank[i] !== '\n') continue;
      line++;
      lineStart = at + i + 1;
    }
    at = TOKEN.lastIndex;
  }
  return tokens;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, '$1');
}
