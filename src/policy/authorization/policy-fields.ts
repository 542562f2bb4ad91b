/** Reads the parts of a policy's tree: maps with known keys, names, lists of names. What is wrong goes to the list of faults. */
import { nearestWord } from '../../base/nearest-word.ts';
import { type FaultList, type Place, quote } from './fault-list.ts';
import type { YamlEntry, YamlMap, YamlNode, YamlText } from './policy-yaml.ts';

/** Names of roles: what fits into an assertion and into the author of a refusal. */
const ROLE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Below this many letters every word is near every other. */
const HINT_MIN_CHARS = 3;

/** `Did you mean x?` where there is such an x. */
function meantHint(word: string, known: readonly string[]): string | undefined {
  const meant = word.length < HINT_MIN_CHARS ? undefined : nearestWord(word, known);
  return meant === undefined ? undefined : `Did you mean \`${meant}\`?`;
}

export function addUnknownKey(faults: FaultList, entry: YamlEntry, known: readonly string[]): void {
  const cure = meantHint(entry.key, known) ?? `Known here are: ${known.join(', ')}.`;
  faults.add(entry, `The key ${quote(entry.key)} is unknown.`, cure);
}

/** A map whose keys are all known, by key; undefined when it is none. `what` is such as `A role`. */
export function readMap(
  node: YamlNode,
  what: string,
  known: readonly string[],
  faults: FaultList,
): ReadonlyMap<string, YamlEntry> | undefined {
  const map = asMap(node, what, known, faults);
  if (map === undefined) return undefined;
  const found = new Map<string, YamlEntry>();
  for (const entry of map.entries) {
    if (known.includes(entry.key)) found.set(entry.key, entry);
    else addUnknownKey(faults, entry, known);
  }
  return found;
}

export function asMap(node: YamlNode, what: string, known: readonly string[], faults: FaultList): YamlMap | undefined {
  if (node.kind === 'map') return node;
  faults.add(node, `${what} is no map of keys.`, `Give it as keys and values: ${known.join(', ')}.`);
  return undefined;
}

/** The items of a list; a single value is a list of one; an empty value has none. */
export function itemsOf(node: YamlNode): readonly YamlNode[] {
  if (node.kind === 'list') return node.items;
  return isEmpty(node) ? [] : [node];
}

export function isEmpty(node: YamlNode): boolean {
  return node.kind === 'text' ? node.text === '' : node.kind === 'map' && node.entries.length === 0;
}

/** The items of what has to be a list. */
export function readList(node: YamlNode, what: string, faults: FaultList): readonly YamlNode[] {
  if (node.kind === 'list') return node.items;
  if (!isEmpty(node)) faults.add(node, `${what} is no list.`, 'Begin each entry with `- `.');
  return [];
}

/** A single text that is not empty. */
export function readText(node: YamlNode, what: string, faults: FaultList): YamlText | undefined {
  if (node.kind !== 'text') faults.add(node, `${what} is no single value.`, 'Give one value.');
  else if (node.text === '') faults.add(node, `${what} has no value.`, 'Give one, or remove the line.');
  else if (CONTROL.test(node.text)) faults.add(node, `${what} has a control character in it.`, 'Remove it.');
  else return node;
  return undefined;
}

/** One text or a list of them; at least one. */
export function readTexts(node: YamlNode, what: string, faults: FaultList): YamlText[] {
  const items = itemsOf(node);
  if (items.length === 0) faults.add(node, `${what} has no value.`, 'Give one or a list of them, or remove the line.');
  return items.flatMap((item) => readText(item, what, faults) ?? []);
}

/** One of a few words. */
export function readWord<const Word extends string>(
  node: YamlNode,
  what: string,
  words: readonly Word[],
  faults: FaultList,
): Word | undefined {
  const text = readText(node, what, faults);
  if (text === undefined) return undefined;
  const word = words.find((known) => known === text.text);
  if (word === undefined) addWrongWord(faults, text, text.text, what, words);
  return word;
}

export function addWrongWord(
  faults: FaultList,
  place: Place,
  word: string,
  what: string,
  words: readonly string[],
): void {
  const cure = meantHint(word, words) ?? `Write ${words.length > 1 ? 'one of ' : ''}${words.join(', ')}.`;
  faults.add(place, `${what} is not ${quote(word)}.`, cure);
}

export function checkRoleName(name: string, place: Place, faults: FaultList): boolean {
  if (ROLE_NAME.test(name)) return true;
  const cure = 'Use letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`.';
  faults.add(place, `${quote(name)} is no name for a role.`, cure);
  return false;
}

/** A role that is named somewhere has to exist. */
export function checkRoleExists(
  text: YamlText | (Place & { readonly text: string }),
  roles: ReadonlyMap<string, unknown>,
  faults: FaultList,
): boolean {
  if (roles.has(text.text)) return true;
  const cure = meantHint(text.text, [...roles.keys()]) ?? 'Name one that the file defines under `roles`.';
  faults.add(text, `There is no role ${quote(text.text)}.`, cure);
  return false;
}
