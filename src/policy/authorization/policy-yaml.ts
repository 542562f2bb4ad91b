/**
 * The YAML of a policy as a tree of texts, each with its place. Every scalar is text (`no` is a name here, not a boolean), keys
 * are unique, and anchors, aliases and tags are refused, so that what is granted stands where it is granted.
 */
import {
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { tooDeepIn } from '../../base/yaml-nesting.ts';
import type { FaultList, Place } from './fault-list.ts';

export interface YamlText extends Place {
  readonly kind: 'text';
  readonly text: string;
}

export interface YamlList extends Place {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
}

export interface YamlEntry extends Place {
  readonly key: string;
  readonly value: YamlNode;
}

export interface YamlMap extends Place {
  readonly kind: 'map';
  readonly entries: readonly YamlEntry[];
}

export type YamlNode = YamlText | YamlList | YamlMap;

/** No policy nests deeper than a condition in a grant in a role. */
const DEPTH_MAX = 10;

const TOO_DEEP = ['This is nested deeper than any policy.', 'Remove brackets or indentation.'] as const;
const NOT_YAML = 'Mend the YAML; where the text is meant as it stands, put it in quotes.';

/** The library's codes for the mistakes people make most. */
const CURES: Readonly<Record<string, readonly [says: string, cure: string]>> = {
  TAB_AS_INDENT: ['A tab indents this line.', 'Indent with blanks.'],
  MULTIPLE_DOCS: ['The file holds more than one document.', 'Remove the `---` and what follows.'],
};

/**
 * Reads one document; undefined when there is nothing in it, or when something is wrong, which `faults` then tells.
 * `lineOf` tells which line of the file a line of `text` is.
 */
export function readYaml(
  text: string,
  faults: FaultList,
  lineOf: (line: number) => number = (line) => line,
): YamlNode | undefined {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: lineOf(Math.max(1, line)), column: Math.max(1, col) };
  };
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    schema: 'failsafe',
    // The library compares each key with every other; `TreeReader` does it in linear time.
    uniqueKeys: false,
    stringKeys: true,
  });
  const problems = [...document.errors, ...document.warnings];
  // Nesting that is deep enough ends the library's recursion, which says where its stack was at its end.
  if (problems.some(({ code }) => code === 'RESOURCE_EXHAUSTION')) {
    const { line, column } = tooDeepIn(text, DEPTH_MAX) ?? { line: 1, column: 1 };
    faults.add({ line: lineOf(line), column }, ...TOO_DEEP);
    return undefined;
  }
  for (const problem of problems) {
    const [says, cure] = CURES[problem.code] ?? [`This is not YAML: ${firstSentence(problem.message)}`, NOT_YAML];
    faults.add(placeAt(problem.pos[0]), says, cure);
  }
  if (problems.length > 0 || document.contents === null) return undefined;
  const before = faults.count;
  const tree = new TreeReader(faults, placeAt).read(document.contents, { line: lineOf(1), column: 1 }, 0);
  return faults.count > before ? undefined : tree;
}

function firstSentence(message: string): string {
  const line = message.split('\n')[0]!;
  return line.endsWith('.') ? line : `${line}.`;
}

class TreeReader {
  readonly #faults: FaultList;
  readonly #placeAt: (offset: number) => Place;

  constructor(faults: FaultList, placeAt: (offset: number) => Place) {
    this.#faults = faults;
    this.#placeAt = placeAt;
  }

  /** `fallback` is where an empty value is said to stand. */
  read(node: unknown, fallback: Place, depth: number): YamlNode {
    if (!isNode(node)) return { kind: 'text', text: '', ...fallback };
    const place = this.#placeOf(node, fallback);
    if (depth > DEPTH_MAX) {
      this.#faults.add(place, ...TOO_DEEP);
    } else if ('anchor' in node && node.anchor !== undefined) {
      this.#faults.add(
        place,
        'A policy has no anchors and aliases.',
        'Write it out, or make it a role and include it.',
      );
    } else if (node.tag !== undefined) {
      this.#faults.add(place, 'A policy has no tags.', 'Remove the word that begins with `!`.');
    } else if (isMap(node)) {
      return this.#map(node, place, depth);
    } else if (isSeq(node)) {
      return this.#list(node, place, depth);
    } else if (isScalar(node)) {
      // The text begins behind its quote.
      const column = node.type?.startsWith('QUOTE') ? place.column + 1 : place.column;
      return { kind: 'text', text: String(node.value ?? ''), line: place.line, column };
    } else {
      this.#faults.add(
        place,
        'A policy has no anchors and aliases.',
        'Write it out, or make it a role and include it.',
      );
    }
    return { kind: 'text', text: '', ...place };
  }

  #placeOf(node: Node, fallback: Place): Place {
    const start = node.range?.[0];
    return start === undefined ? fallback : this.#placeAt(start);
  }

  #list(node: YAMLSeq, place: Place, depth: number): YamlList {
    return { kind: 'list', items: node.items.map((item) => this.read(item, place, depth + 1)), ...place };
  }

  #map(node: YAMLMap, place: Place, depth: number): YamlMap {
    const entries: YamlEntry[] = [];
    const seen = new Set<string>();
    for (const pair of node.items) {
      const key = this.read(pair.key, place, depth + 1);
      const name = key.kind === 'text' ? key.text : '';
      if (seen.has(name)) {
        this.#faults.add(key, `\`${name}\` is given twice.`, 'Keep one of the two.');
        continue;
      }
      seen.add(name);
      const value = this.read(pair.value, key, depth + 1);
      entries.push({ key: name, value, line: key.line, column: key.column });
    }
    return { kind: 'map', entries, ...place };
  }
}
