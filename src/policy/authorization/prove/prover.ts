/**
 * Decides assertions about a policy over all clients, topics, messages and times, not by trying some: a broken one comes with a
 * situation that breaks it.
 *
 * What a client may be: any user name that can be in a topic, or none; any identifier that was let in; any groups, roles of the
 * identity and attributes, in any combination; through any listener from any address, with TLS or without.
 */
import type { Assertion, AssertionSubject, Policy } from '../policy-form.ts';
import { type Literal, not, yes } from './atom.ts';
import { Undecided } from './effort.ts';
import { closure, conditionParts, Model } from './model.ts';
import { patternOf } from './pattern.ts';
import { type Found, findAllowed, findDenied, type Scope } from './questions.ts';
import { vocabularyOf } from './vocabulary.ts';

export type Proof =
  | { readonly assertion: Assertion; readonly outcome: 'holds' }
  | { readonly assertion: Assertion; readonly outcome: 'broken'; readonly counterexample: Found }
  /** To be taken for broken. */
  | { readonly assertion: Assertion; readonly outcome: 'undecided'; readonly why: string };

const PROGRESS_EVERY = 20;

export function proveAll(
  policy: Policy,
  assertions: readonly Assertion[],
  onProgress?: (done: number, all: number) => void,
): Proof[] {
  const model = new Model(policy);
  const vocabulary = vocabularyOf([policy, { ...policy, assertions }]);
  return assertions.map((assertion, index) => {
    if ((index + 1) % PROGRESS_EVERY === 0) onProgress?.(index + 1, assertions.length);
    try {
      const scope = scopeOf(model, assertion);
      const find = assertion.kind === 'always' ? findDenied : findAllowed;
      const counterexample = find(model, vocabulary, scope);
      return counterexample === undefined
        ? { assertion, outcome: 'holds' }
        : { assertion, outcome: 'broken', counterexample };
    } catch (error) {
      if (error instanceof Undecided) return { assertion, outcome: 'undecided', why: error.why };
      throw error;
    }
  });
}

function scopeOf(model: Model, { kind, subject, action, topic, when }: Assertion): Scope {
  const { ofClient, ofMessage } = conditionParts(when);
  const { clients, barred } = kind === 'only' ? allBut(subject) : those(model, subject);
  return { action, pattern: patternOf(topic), clients, barred, literals: [...ofClient, ...ofMessage] };
}

const NOBODY_BARRED: ReadonlySet<string> = new Set();

type Whom = Pick<Scope, 'clients' | 'barred'>;

function those(model: Model, subject: AssertionSubject): Whom {
  if (subject.kind !== 'role') return { clients: [literalsOf(subject)], barred: NOBODY_BARRED };
  const { names, isAlone } = subject;
  const clients = names.flatMap((name) => model.holdings(name).map(({ literals }) => literals));
  return { clients, barred: isAlone ? otherRoles(model, names) : NOBODY_BARRED };
}

function allBut(subject: AssertionSubject): Whom {
  if (subject.kind === 'everyone') return { clients: [], barred: NOBODY_BARRED };
  if (subject.kind !== 'role') return { clients: [literalsOf(subject).map(not)], barred: NOBODY_BARRED };
  return { clients: [[]], barred: new Set(subject.names) };
}

function literalsOf(subject: Exclude<AssertionSubject, { kind: 'role' }>): Literal[] {
  switch (subject.kind) {
    case 'everyone':
      return [];
    case 'anonymous':
      return [not(yes({ kind: 'named' }))];
    case 'user':
      return [yes({ kind: 'oneOf', variable: 'username', values: new Set(subject.names) })];
    case 'group':
      return [yes({ kind: 'brings', what: 'groups', names: new Set(subject.names) })];
  }
}

/** All but these, what they include, and what nobody has to be named for. */
function otherRoles(model: Model, names: readonly string[]): ReadonlySet<string> {
  const { policy, commonRoles } = model;
  const includes = new Map(policy.roles.map((role) => [role.name, role.includes]));
  const own = new Set([...names, ...commonRoles]);
  for (const name of closure([...own], includes)) own.add(name);
  return new Set(policy.roles.map(({ name }) => name).filter((name) => !own.has(name)));
}
