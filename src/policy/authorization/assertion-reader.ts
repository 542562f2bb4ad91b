/** Reads assertions such as `never: role sensor publish cmd/#`. */
import { type FaultList, quote } from './fault-list.ts';
import type { GrantReader } from './grant-reader.ts';
import { asMap, checkRoleExists, readText } from './policy-fields.ts';
import { ACTIONS, type Assertion, type AssertionSubject } from './policy-form.ts';
import type { YamlEntry, YamlNode } from './policy-yaml.ts';
import { checkPattern } from './topic-pattern.ts';

const KINDS = ['never', 'only', 'always'] as const;
const NAMED = ['role', 'user', 'group'] as const;
const UNNAMED = ['anonymous', 'everyone'] as const;
const WHEN = 'when';
const ALONE = 'alone';
const FORM =
  '`never: role sensor publish cmd/#`, beginning with role, user or group and names, or with anonymous or everyone; a topic `#` alone needs quotes around it all';

/** Undefined where something is wrong, which `faults` then tells. */
export function readAssertion(
  node: YamlNode,
  roles: ReadonlyMap<string, unknown>,
  grants: GrantReader,
  faults: FaultList,
): Assertion | undefined {
  const before = faults.count;
  const map = asMap(node, 'An assertion', KINDS, faults);
  const whenAt = map?.entries.find(({ key }) => key === WHEN);
  const entries = map?.entries.filter(({ key }) => key !== WHEN) ?? [];
  const [entry] = entries;
  const kind = KINDS.find((known) => known === entry?.key);
  if (entry === undefined || kind === undefined || entries.length !== 1) {
    if (map !== undefined)
      faults.add(
        node,
        'An assertion has one of the keys never, only, always, and perhaps `when`.',
        `Write it as ${FORM}.`,
      );
    return undefined;
  }
  const text = readText(entry.value, 'The assertion', faults);
  if (text === undefined) return undefined;
  const parts = split(text.text);
  if (parts === undefined) {
    faults.add(text, `${quote(text.text)} is no assertion.`, `Write it as ${FORM}.`);
    return undefined;
  }
  const { subject, action, topic } = parts;
  const topicFault = checkPattern(topic);
  if (topicFault !== undefined) {
    const column = text.column + text.text.lastIndexOf(topic) + topicFault.at;
    faults.add({ line: text.line, column }, topicFault.says, topicFault.cure);
    return undefined;
  }
  if (subject.kind === 'role') {
    const known = subject.names.map((name) => checkRoleExists({ text: name, ...place(entry) }, roles, faults));
    if (known.includes(false)) return undefined;
    if (subject.isAlone && kind === 'only') {
      const cure = 'Leave `alone` out, or assert `never` of the others.';
      faults.add(text, 'An assertion with `only` cannot be of a role alone.', cure);
      return undefined;
    }
  }
  const when = grants.readConditions(whenAt, 'allow', [action]);
  if (faults.count > before) return undefined;
  const { line, column } = text;
  const asserted = `${kind}: ${text.text}`;
  return Object.freeze({ file: faults.file, line, column, kind, subject, action, topic, when, text: asserted });
}

function place({ value }: YamlEntry): { line: number; column: number } {
  return { line: value.line, column: value.column };
}

/** `role a,b publish the/topic filter`, `role a alone publish x`: the topic is the rest, and may have blanks in it. */
function split(text: string): { subject: AssertionSubject; action: Assertion['action']; topic: string } | undefined {
  const words = text.split(' ');
  const first = words.shift();
  let subject: AssertionSubject;
  const named = NAMED.find((kind) => kind === first);
  const unnamed = UNNAMED.find((kind) => kind === first);
  if (named !== undefined) {
    const names = (words.shift() ?? '').split(',');
    if (names.includes('')) return undefined;
    Object.freeze(names);
    const isAlone = named === 'role' && words[0] === ALONE;
    if (isAlone) words.shift();
    subject = Object.freeze(named === 'role' ? { kind: named, names, isAlone } : { kind: named, names });
  } else if (unnamed !== undefined) {
    subject = Object.freeze({ kind: unnamed });
  } else {
    return undefined;
  }
  const actionWord = words.shift();
  const action = ACTIONS.find((known) => known === actionWord);
  const topic = words.join(' ');
  return action === undefined || topic === '' ? undefined : { subject, action, topic };
}
