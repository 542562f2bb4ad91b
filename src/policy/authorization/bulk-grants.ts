/**
 * The way through policies of many megabytes. A YAML library builds several objects for every character of structure, so long
 * lists of grants are cut out of the text first: entries of the plainest forms are read line by line, and all others are handed to
 * the library in small pieces. What remains of the text is small.
 *
 * INVARIANT: what is read here is what the library would read. Only texts are taken in which no character means anything to YAML
 * but where this code expects it.
 */
import { ACTIONS, type Action } from './policy-form.ts';

/** Where a list of grants was cut out. */
export interface CutGrants {
  /** Line of the key `grants`, in the whole file. */
  readonly line: number;
  /** The lines of the list, in the text of the file. */
  readonly start: number;
  readonly end: number;
}

export interface CutPolicy {
  /** The text without the lists. */
  readonly rest: string;
  /** By line of the key. */
  readonly cuts: ReadonlyMap<number, CutGrants>;
  /** The line in the whole file of a line of `rest`. */
  readonly lineOf: (line: number) => number;
}

const GRANTS_KEY = /^( +)grants:\r?$/;
/** Blank, or a comment. */
const EMPTY_LINE = /^ *(#.*)?\r?$/;

/** Cuts out what stands under each `grants:`, as far as it is indented as a list. */
export function cutGrants(text: string): CutPolicy {
  const rest: string[] = [];
  const cuts = new Map<number, CutGrants>();
  /** Of each cut: its first line in the rest after it, and how many lines went before. */
  const gaps: { readonly fromLine: number; readonly missing: number }[] = [];
  let missing = 0;
  let line = 0;
  let keptFrom = 0;
  for (let at = 0; at < text.length; ) {
    const end = endOfLine(text, at);
    line++;
    const next = end + 1;
    const key = GRANTS_KEY.exec(text.slice(at, Math.min(end, at + 200)));
    if (key === null) {
      at = next;
      continue;
    }
    const block = blockAfter(text, next, key[1]!.length);
    if (block.lines > 0) {
      rest.push(text.slice(keptFrom, next));
      keptFrom = block.end;
      cuts.set(line, { line, start: next, end: block.end });
      missing += block.lines;
      gaps.push({ fromLine: line + 1 - (missing - block.lines), missing });
      line += block.lines;
    }
    at = Math.max(next, block.end);
  }
  rest.push(text.slice(keptFrom));
  const lineOf = (restLine: number): number => {
    let low = 0;
    let high = gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (gaps[middle]!.fromLine <= restLine) low = middle + 1;
      else high = middle;
    }
    return restLine + (gaps[low - 1]?.missing ?? 0);
  };
  return { rest: rest.join(''), cuts, lineOf };
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

/** The list that begins at `start`: to the first line that is not deeper than its dashes, and is none of its entries. */
function blockAfter(text: string, start: number, keyIndent: number): { end: number; lines: number } {
  let dashIndent = -1;
  let lines = 0;
  let end = start;
  let emptyLines = 0;
  for (let at = start; at < text.length; ) {
    const lineEnd = endOfLine(text, at);
    const indent = indentAt(text, at);
    const isEmpty = isEmptyLine(text, at, lineEnd, indent);
    if (isEmpty) {
      emptyLines++;
    } else {
      const isEntry = beginsEntry(text, at + indent);
      if (dashIndent === -1) {
        if (!isEntry || indent < keyIndent) break;
        dashIndent = indent;
      } else if (indent < dashIndent || (indent === dashIndent && !isEntry)) {
        break;
      }
      lines += emptyLines + 1;
      emptyLines = 0;
      end = Math.min(lineEnd + 1, text.length);
    }
    at = lineEnd + 1;
  }
  return { end, lines };
}

function indentAt(text: string, at: number): number {
  let indent = 0;
  while (text.charCodeAt(at + indent) === 0x20) indent++;
  return indent;
}

/** A dash, and behind it nothing or a blank. */
function beginsEntry(text: string, at: number): boolean {
  return text[at] === '-' && /^[ \r\n]?$/.test(text.charAt(at + 1));
}

function isEmptyLine(text: string, at: number, end: number, indent: number): boolean {
  const first = at + indent;
  if (first === end || text.charCodeAt(first) === 0x23) return true;
  return text.charCodeAt(first) === 0x0d && EMPTY_LINE.test(text.slice(at, end));
}

/** An entry of the plainest form. */
export interface PlainGrants {
  readonly effect: 'allow' | 'deny';
  readonly actions: readonly Action[];
  readonly topics: readonly PlainTopic[];
}

export interface PlainTopic {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

export interface EntryVisitor {
  /** `at` is how far in the text it is. */
  plain(entry: PlainGrants, at: number): void;
  /** Entries of other forms, as YAML; `linesBefore` of the file stand before them. */
  other(yaml: string, linesBefore: number): void;
}

/** Entries of other forms are handed over in pieces of about this size. */
const PIECE_MAX_CHARS = 32_768;

const ACTION = `(?:${ACTIONS.join('|')})`;
const HEAD = new RegExp(String.raw`^( *)- (allow|deny): (?:(${ACTION})|\[(${ACTION}(?:, ${ACTION})*)\])\r?$`);
/** Every character means itself, wherever it stands in the word. */
const WORD = String.raw`[\w$/][\w$/.+#{}@-]*`;
const TOPICS = new RegExp(String.raw`^( *)topics:(?: (${WORD}))?\r?$`);
const TOPIC = new RegExp(String.raw`^( *)- (${WORD})\r?$`);

/** Goes through the entries of a list that was cut out, in order. */
export function visitEntries(text: string, { line, start, end }: CutGrants, visitor: EntryVisitor): void {
  const dashIndent = indentOfFirstEntry(text, start, end);
  let pieceStart = start;
  let pieceLine = line;
  let entryLine = line;
  const flush = (until: number): void => {
    if (until > pieceStart) visitor.other(text.slice(pieceStart, until), pieceLine);
  };
  for (let at = start; at < end; ) {
    const entry = entryAt(text, at, end, dashIndent);
    const plain = readPlain(text, at, entry.end, entryLine, dashIndent);
    entryLine += entry.lines;
    if (plain !== undefined) {
      flush(at);
      visitor.plain(plain, at);
    } else if (entry.end - pieceStart > PIECE_MAX_CHARS) {
      flush(entry.end);
    }
    if (plain !== undefined || entry.end - pieceStart > PIECE_MAX_CHARS) {
      pieceStart = entry.end;
      pieceLine = entryLine;
    }
    at = entry.end;
  }
  flush(end);
}

function indentOfFirstEntry(text: string, start: number, end: number): number {
  for (let at = start; at < end; at = endOfLine(text, at) + 1) {
    const indent = indentAt(text, at);
    if (!isEmptyLine(text, at, endOfLine(text, at), indent)) return indent;
  }
  return 0;
}

/** From a line up to the next that begins an entry. */
function entryAt(text: string, start: number, limit: number, dashIndent: number): { end: number; lines: number } {
  let at = Math.min(endOfLine(text, start) + 1, limit);
  let lines = 1;
  while (at < limit) {
    if (indentAt(text, at) === dashIndent && beginsEntry(text, at + dashIndent)) break;
    at = Math.min(endOfLine(text, at) + 1, limit);
    lines++;
  }
  return { end: at, lines };
}

/** `linesBefore` of the file stand before `start`. */
function readPlain(
  text: string,
  start: number,
  end: number,
  linesBefore: number,
  dashIndent: number,
): PlainGrants | undefined {
  const headEnd = endOfLine(text, start);
  const head = HEAD.exec(text.slice(start, headEnd));
  if (head === null || head[1]!.length !== dashIndent || headEnd + 1 >= end) return undefined;
  const topicsEnd = endOfLine(text, headEnd + 1);
  const key = TOPICS.exec(text.slice(headEnd + 1, topicsEnd));
  if (key === null || key[1]!.length !== dashIndent + 2) return undefined;
  const topics: PlainTopic[] = [];
  let at = topicsEnd + 1;
  if (key[2] !== undefined) {
    topics.push({ text: key[2], line: linesBefore + 2, column: dashIndent + 2 + 'topics: '.length + 1 });
  } else {
    let indent = -1;
    for (let line = linesBefore + 3; at < end; line++) {
      const lineEnd = endOfLine(text, at);
      const topic = TOPIC.exec(text.slice(at, lineEnd));
      if (topic === null) return undefined;
      if (indent === -1) indent = topic[1]!.length;
      if (topic[1]!.length !== indent || indent < dashIndent + 2) return undefined;
      topics.push({ text: topic[2]!, line, column: indent + 3 });
      at = lineEnd + 1;
    }
  }
  if (at < end || topics.length === 0) return undefined;
  return { effect: head[2] as 'allow' | 'deny', actions: (head[3] ?? head[4]!).split(', ') as Action[], topics };
}
