/** A YAML file as plain values, each of which can still be found in the file. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml';
import { tooDeepIn } from '../../base/yaml-nesting.ts';
import type { KeyPath } from './key-path.ts';
import type { ConfigProblem } from './problem.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlSource {
  readonly file: string;
  /** Plain values, undefined where the text is no YAML or an empty document. */
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  /** Where the value at `path` stands; where there is none, its nearest ancestor. */
  locateValue(path: KeyPath): Position;
  /** Where the key that `path` ends with stands; for an item of a list, the item. */
  locateKey(path: KeyPath): Position;
}

const START: Position = { line: 1, column: 1 };

/** Aliases let a small file stand for a huge one; no honest configuration needs many. */
const ALIASES_MAX = 100;
/** None of our files needs a tenth of it. */
const LEVELS_MAX = 64;

/** Sentences for the mistakes people make most; the library's own words for the rest. */
const SAYS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab indents this line; YAML wants spaces',
  DUPLICATE_KEY: 'this key is given twice; keep one',
  MULTIPLE_DOCS: 'the file holds more than one document; remove the `---` and what follows',
};

export function parseYaml(file: string, text: string): YamlSource {
  const deep = tooDeepIn(text, LEVELS_MAX);
  if (deep !== undefined) {
    const says = `this is nested more than ${LEVELS_MAX} levels deep, as no file of ours has to be; remove brackets or indentation`;
    return {
      file,
      value: undefined,
      problems: [{ file, ...deep, path: '', says }],
      locateValue: () => deep,
      locateKey: () => deep,
    };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', schema: 'core' });
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return line > 0 ? { line, column: Math.max(1, col) } : START;
  };
  const problems: ConfigProblem[] = [];
  const report = (position: Position, says: string): void => {
    problems.push({ file, ...position, path: '', says });
  };
  for (const fault of [...document.errors, ...document.warnings]) {
    const says = SAYS[fault.code] ?? `this is not YAML: ${fault.message.split('\n')[0]}`;
    report(positionOf(fault.pos[0]), says);
  }

  // One walk for all of them: the library would walk anew for each.
  const anchors = new Set<string>();
  visit(document, {
    Value(_, { anchor }) {
      if (anchor !== undefined) anchors.add(anchor);
    },
    Alias(_, alias) {
      if (anchors.has(alias.source)) return;
      report(
        positionOf(alias.range?.[0] ?? 0),
        `nothing is anchored as \`&${alias.source}\` before this \`*${alias.source}\``,
      );
    },
  });

  let value: unknown;
  if (problems.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: ALIASES_MAX });
    } catch (error) {
      report(START, error instanceof Error ? error.message : String(error));
    }
  }

  const solid = (node: unknown): Node | undefined => {
    const target = isAlias(node) ? node.resolve(document) : node;
    return target instanceof Object && 'range' in target ? (target as Node) : undefined;
  };
  const pairOf = (node: Node | undefined, key: string | number): Pair | undefined =>
    isMap(node) ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key)) : undefined;
  const start = (node: unknown): Position | undefined => {
    const range = (node as Node | null | undefined)?.range;
    return range === undefined || range === null ? undefined : positionOf(range[0]);
  };

  const locate = (path: KeyPath, what: 'key' | 'value'): Position => {
    let node = solid(document.contents);
    let found = start(node) ?? START;
    for (const [index, step] of path.entries()) {
      const last = index === path.length - 1;
      const pair = pairOf(node, step);
      const child = isSeq(node) && typeof step === 'number' ? node.items[step] : pair?.value;
      if (child === undefined && pair === undefined) break;
      // An empty value has no place of its own: the key stands for it.
      found =
        (last && what === 'key' ? (start(pair?.key) ?? start(child)) : (start(child) ?? start(pair?.key))) ?? found;
      node = solid(child);
    }
    return found;
  };

  return {
    file,
    value,
    problems,
    locateValue: (path) => locate(path, 'value'),
    locateKey: (path) => locate(path, 'key'),
  };
}
