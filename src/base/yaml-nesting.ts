/**
 * How deep a text of YAML, or of JSON, nests. The library composes what it has parsed by calling itself, level by level, and says of
 * thousands of them that the call stack is exceeded; its lexer and parser do not, so they can tell where that begins.
 */
import { Lexer, Parser } from 'yaml';

export interface YamlPlace {
  readonly line: number;
  readonly column: number;
}

/** Where the first value stands that has more than `levelsMax` lists and maps around it; undefined where none does. */
export function tooDeepIn(text: string, levelsMax: number): YamlPlace | undefined {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    const { offset } = parser;
    // What it gives are whole documents; what counts here is where it stands in the one that it is in.
    for (const _ of parser.next(lexeme));
    // The document, and the value itself.
    if (parser.stack.length > levelsMax + 2) return placeOf(text, offset);
  }
  return undefined;
}

function placeOf(text: string, offset: number): YamlPlace {
  const before = text.slice(0, offset).split(/\r\n|\n/);
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
