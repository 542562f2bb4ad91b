/** JSON as a tree with places: JSON is YAML, so the reader of policies reads it too. */
import type { FaultList } from '../fault-list.ts';
import { readYaml, type YamlMap, type YamlNode } from '../policy-yaml.ts';

/** The object that the text is, or undefined with a fault. */
export function readJson(text: string, faults: FaultList): YamlMap | undefined {
  const before = faults.count;
  const tree = readYaml(text, faults);
  if (tree?.kind === 'map') return tree;
  if (faults.count === before) faults.add({ line: 1, column: 1 }, 'This is no JSON object.', 'Export it anew.');
  return undefined;
}

export function memberOf(map: YamlNode | undefined, key: string): YamlNode | undefined {
  return map?.kind === 'map' ? map.entries.find((entry) => entry.key === key)?.value : undefined;
}

export function textOf(map: YamlNode | undefined, key: string): string | undefined {
  const value = memberOf(map, key);
  return value?.kind === 'text' ? value.text : undefined;
}

/** The items of a list; of a single value, that value; of nothing, none. */
export function listOf(map: YamlNode | undefined, key: string): readonly YamlNode[] {
  const value = memberOf(map, key);
  if (value === undefined) return [];
  return value.kind === 'list' ? value.items : [value];
}
