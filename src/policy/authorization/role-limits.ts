/** The limits that a role brings: their names and texts, for whoever knows what they mean. */
import { type FaultList, quote } from './fault-list.ts';
import { asMap, itemsOf, readText } from './policy-fields.ts';
import type { WrittenLimit } from './policy-form.ts';
import type { YamlNode } from './policy-yaml.ts';

const LIMITS_MAX = 32;

/** A list of rates becomes one text with commas. */
export function readLimits(node: YamlNode, role: string, faults: FaultList): WrittenLimit[] {
  const map = asMap(node, `The limits of ${role}`, ['publish.messagesPerSecond: 10'], faults);
  if (map === undefined) return [];
  if (map.entries.length > LIMITS_MAX) {
    faults.add(node, `The role ${quote(role)} has more than ${LIMITS_MAX} limits.`, 'Remove some.');
    return [];
  }
  const limits: WrittenLimit[] = [];
  for (const { key: name, value, line, column } of map.entries) {
    const texts = itemsOf(value).flatMap((item) => readText(item, `The limit ${quote(name)}`, faults)?.text ?? []);
    if (texts.length === 0)
      faults.add({ line, column }, `The limit ${quote(name)} has no value.`, 'Give one, or remove it.');
    else limits.push(Object.freeze({ file: faults.file, line, column, name, text: texts.join(', ') }));
  }
  return limits;
}
