/**
 * Topic filters with placeholders: `devices/${username}/#`. A placeholder stands for one of the client's attributes, as a whole
 * level or inside one, and never for more than a level.
 */
import { Buffer } from 'node:buffer';
import { nearestWord } from '../../base/nearest-word.ts';
import type { Subject } from './decision.ts';

/** The deepest that Mosquitto takes. */
export const PATTERN_LEVELS_MAX = 200;
const PATTERN_MAX_BYTES = 65_535;

const PLACEHOLDER = /\$\{([^{}]*)\}/g;
/** Control characters are matched on purpose: no topic may carry one. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const RESERVED = /[+#/\u0000-\u001f\u007f-\u009f]/;
const ATTRIBUTE = /^[A-Za-z][A-Za-z0-9_:@.-]{0,127}$/;

/** What is wrong with a pattern; `at` counts its characters from 0. */
export interface PatternFault {
  readonly at: number;
  readonly says: string;
  readonly cure: string;
}

export function hasPlaceholder(level: string): boolean {
  return level.includes('${');
}

/** The names in a pattern, in order, each once. */
export function placeholdersIn(pattern: string): string[] {
  if (!hasPlaceholder(pattern)) return [];
  return [...new Set([...pattern.matchAll(PLACEHOLDER)].map((match) => match[1]!))];
}

/** What a placeholder stands for; undefined when the client has no such attribute. */
export function attributeOf(subject: Subject, name: string): string | undefined {
  if (name === 'username') return subject.username;
  if (name === 'clientId') return subject.clientId;
  const { attributes } = subject;
  return attributes !== undefined && Object.hasOwn(attributes, name) ? attributes[name] : undefined;
}

/**
 * A level of a pattern with the client's attributes in it, or undefined where one is absent, empty, or would be special in a
 * topic (CVE-2017-7650). In one pass: a user named `${clientId}` is not replaced again. `isFirst` is true for the first level of a
 * pattern, where a leading `$` out of an attribute would reach what no wildcard does.
 */
export function fillIn(level: string, subject: Subject, isFirst: boolean): string | undefined {
  let isFit = true;
  const filled = level.replace(PLACEHOLDER, (_, name: string) => {
    const value = attributeOf(subject, name);
    if (value === undefined || value === '' || RESERVED.test(value)) isFit = false;
    return value ?? '';
  });
  if (isFirst && level.startsWith('${') && filled.startsWith('$')) return undefined;
  return isFit ? filled : undefined;
}

/** What is wrong with a pattern, or undefined. */
export function checkPattern(pattern: string): PatternFault | undefined {
  if (pattern === '') {
    return { at: 0, says: 'The topic filter is missing.', cure: 'Write one; `#` alone has to stand in quotes.' };
  }
  if (pattern.length * 3 > PATTERN_MAX_BYTES && Buffer.byteLength(pattern) > PATTERN_MAX_BYTES) {
    return { at: 0, says: 'The topic filter is longer than MQTT can carry.', cure: 'Shorten it.' };
  }
  if (!pattern.isWellFormed()) {
    return { at: 0, says: 'The topic filter is no well-formed text.', cure: 'Write it anew.' };
  }
  const controlAt = pattern.search(CONTROL);
  if (controlAt >= 0) {
    return { at: controlAt, says: 'There is a control character in the topic filter.', cure: 'Remove it.' };
  }
  const levels = pattern.split('/');
  if (levels.length > PATTERN_LEVELS_MAX) {
    const says = `The topic filter has more than ${PATTERN_LEVELS_MAX} levels.`;
    return { at: 0, says, cure: 'Shorten it with #.' };
  }
  if (levels[0] === '$share') {
    const says = 'A grant never sees the `$share` of a subscription.';
    return {
      at: 0,
      says,
      cure: 'Write the filter behind `$share/<name>/`; it holds for shared subscriptions as well.',
    };
  }
  let at = 0;
  for (const [index, level] of levels.entries()) {
    const fault = checkLevel(level, index === levels.length - 1);
    if (fault !== undefined) return { ...fault, at: at + fault.at };
    at += level.length + 1;
  }
  return undefined;
}

function checkLevel(level: string, isLast: boolean): PatternFault | undefined {
  const hash = level.indexOf('#');
  if (hash >= 0 && !(level === '#' && isLast)) {
    const cure = 'Write it alone, at the end, behind a slash.';
    return { at: hash, says: 'A "#" is not the whole last level.', cure };
  }
  const plus = level.indexOf('+');
  if (plus >= 0 && level !== '+') {
    return { at: plus, says: 'A "+" is not a whole level.', cure: 'Write it alone between two slashes.' };
  }
  if (level === '%u' || level === '%c') {
    const meant = level === '%u' ? 'username' : 'clientId';
    return { at: 0, says: `"${level}" would be taken literally.`, cure: `Did you mean \`\${${meant}}\`?` };
  }
  return hasPlaceholder(level) ? checkPlaceholders(level) : undefined;
}

function checkPlaceholders(level: string): PatternFault | undefined {
  for (let open = level.indexOf('${'); open >= 0; open = level.indexOf('${', open + 2)) {
    const close = level.indexOf('}', open);
    if (close < 0) return { at: open, says: 'A placeholder is not closed.', cure: 'Write it as `${username}`.' };
    const name = level.slice(open + 2, close);
    if (!ATTRIBUTE.test(name)) {
      const cure = 'Name an attribute, such as `${username}`, `${clientId}`, `${cert.cn}` or `${claim.site}`.';
      return { at: open, says: `"${name}" is no name of an attribute.`, cure };
    }
    const meant = meantBuiltIn(name);
    if (meant !== undefined) {
      return { at: open, says: `"\${${name}}" is no placeholder.`, cure: `Did you mean \`\${${meant}}\`?` };
    }
  }
  return undefined;
}

/** The built-in attribute that a name without a dot was probably meant to be; `${user}` would never match anybody. */
function meantBuiltIn(name: string): string | undefined {
  if (name === 'username' || name === 'clientId' || name.includes('.')) return undefined;
  if (/^user(_?name|_?id)?$/i.test(name)) return 'username';
  if (/^client(_?id)?$/i.test(name)) return 'clientId';
  return nearestWord(name, ['username', 'clientId']);
}
