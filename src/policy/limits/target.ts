/** Whom a command about limits means: `client:d42`, `address:192.0.2.1`, `user` for every user, `global`. */
import { networkOf, normaliseAddress, prefixOf } from '../../base/ip-address.ts';
import { nearestWord } from '../../base/nearest-word.ts';
import { checkTopicFilter } from '../../mqtt/topic.ts';
import { SCOPES, type Scope } from './limit-name.ts';
import type { Target } from './limit-rules.ts';

const KEY_MAX_CHARS = 1024;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** The target, or a sentence that says why the text is none. */
export function parseTarget(text: string): Target | string {
  const colon = text.indexOf(':');
  const word = colon === -1 ? text : text.slice(0, colon);
  const scope = SCOPES.find((known) => known === word);
  if (scope === undefined) {
    const meant = nearestWord(word, SCOPES);
    const hint = meant === undefined ? `it is one of ${SCOPES.join(', ')}` : `did you mean ${meant}?`;
    return `"${word.slice(0, 60)}" is no scope; ${hint}`;
  }
  if (scope === 'global') return colon === -1 ? { scope, key: '' } : 'global has nothing behind it: there is one';
  if (colon === -1) {
    if (scope === 'role' || scope === 'topic') return `name the ${scope}, as in ${EXAMPLES[scope]}`;
    return { scope, key: undefined };
  }
  const key = keyOf(scope, text.slice(colon + 1));
  return key === undefined
    ? `"${text.slice(0, 80)}" names no ${scope}; it looks like ${EXAMPLES[scope]}`
    : { scope, key };
}

const EXAMPLES: Readonly<Record<Scope, string>> = {
  global: 'global',
  listener: 'listener:mqtts',
  network: 'network:192.0.2.0/24',
  address: 'address:192.0.2.7',
  user: 'user:pump-7',
  client: 'client:d42',
  role: 'role:sensor',
  topic: 'topic:video/#',
};

function keyOf(scope: Scope, text: string): string | undefined {
  if (text === '' || text.length > KEY_MAX_CHARS || CONTROL.test(text)) return undefined;
  if (scope === 'address') return normaliseAddress(text);
  if (scope === 'topic') return checkTopicFilter(text) === undefined ? text : undefined;
  if (scope !== 'network') return text;
  const prefix = text.includes('/') ? prefixOf(text) : undefined;
  return prefix && networkOf(prefix.address, prefix.bits, prefix.bits);
}

export function targetText({ scope, key }: Target): string {
  return key === undefined || key === '' ? scope : `${scope}:${key}`;
}
