/** The single facts that decisions rest on, each true or false in a situation. */
import type { NetworkSet } from '../../../base/ip-address.ts';
import { resolve, type Term, textOf } from '../algebra/term.ts';
import type { PublishFacts, Subject } from '../decision.ts';
import type { HoursWindow } from '../hours.ts';
import { attributeOf, fillIn } from '../topic-pattern.ts';
import { wildcardMatcher } from '../wildcard.ts';

/** One client, one topic or filter, one message, one moment. */
export interface Situation {
  readonly subject: Subject;
  /** Of the topic or filter; a `#` at its end is left out. */
  readonly levels: readonly string[];
  readonly facts: PublishFacts;
  readonly epochMs: number;
}

export type Atom =
  | { readonly kind: 'named' }
  /** A user name or an attribute, by the name of its placeholder. */
  | { readonly kind: 'oneOf'; readonly variable: string; readonly values: ReadonlySet<string> }
  /** The client identifier; `*` stands for any characters. */
  | { readonly kind: 'clientId'; readonly patterns: readonly string[] }
  | { readonly kind: 'brings'; readonly what: 'groups' | 'roles'; readonly names: ReadonlySet<string> }
  | { readonly kind: 'listener'; readonly names: ReadonlySet<string> }
  | { readonly kind: 'network'; readonly networks: NetworkSet }
  | { readonly kind: 'tls' }
  | { readonly kind: 'qos'; readonly max: number }
  | { readonly kind: 'retain'; readonly value: boolean }
  | { readonly kind: 'payload'; readonly maxBytes: number }
  | { readonly kind: 'hours'; readonly windows: readonly HoursWindow[] }
  /** The value is there and can be a part of a level. */
  | { readonly kind: 'fit'; readonly variable: string }
  /** The value, if it is there, does not begin with `$`. */
  | { readonly kind: 'plain'; readonly variable: string }
  | { readonly kind: 'level'; readonly index: number; readonly term: Term }
  | { readonly kind: 'length'; readonly min: number; readonly max: number };

export interface Literal {
  readonly atom: Atom;
  /** Whether the atom is true, or false. */
  readonly holds: boolean;
}

export function yes(atom: Atom): Literal {
  return { atom, holds: true };
}

export function not({ atom, holds }: Literal): Literal {
  return { atom, holds: !holds };
}

export function isMet({ atom, holds }: Literal, situation: Situation): boolean {
  return isTrue(atom, situation) === holds;
}

function isTrue(atom: Atom, { subject, levels, facts, epochMs }: Situation): boolean {
  switch (atom.kind) {
    case 'named':
      return subject.username !== undefined;
    case 'oneOf': {
      const value = attributeOf(subject, atom.variable);
      return value !== undefined && atom.values.has(value);
    }
    case 'clientId':
      return atom.patterns.some((pattern) => wildcardMatcher(pattern)(subject.clientId));
    case 'brings':
      return subject[atom.what]!.some((name) => atom.names.has(name));
    case 'listener':
      return atom.names.has(subject.listener!);
    case 'network':
      return atom.networks.has(subject.address!);
    case 'tls':
      return subject.secure === true;
    case 'qos':
      return facts.qos <= atom.max;
    case 'retain':
      return facts.retain === atom.value;
    case 'payload':
      return facts.payloadBytes <= atom.maxBytes;
    case 'hours':
      return atom.windows.some((window) => window.isOpenAt(epochMs));
    case 'fit':
      return fillIn(`\${${atom.variable}}`, subject, false) !== undefined;
    case 'plain':
      return attributeOf(subject, atom.variable)?.startsWith('$') !== true;
    case 'level':
      return atom.index < levels.length && levels[atom.index] === levelFor(atom.term, subject);
    case 'length':
      return levels.length >= atom.min && levels.length <= atom.max;
  }
}

/** What a level stands for with a client that has all it needs. */
function levelFor(term: Term, subject: Subject): string | undefined {
  const bindings = new Map<string, Term>();
  for (const part of term) {
    if (!('variable' in part)) continue;
    const value = attributeOf(subject, part.variable);
    if (value !== undefined) bindings.set(part.variable, value === '' ? [] : [{ text: value }]);
  }
  return textOf(resolve(term, bindings));
}
