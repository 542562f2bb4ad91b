/** Proofs in words: what breaks an assertion, as plainly as a colleague would say it. */
import { describeGrant } from '../grant-words.ts';
import type { Action, Assertion } from '../policy-form.ts';
import type { Atom, Literal, Situation } from './atom.ts';
import type { ModelGrant } from './model.ts';
import type { Proof } from './prover.ts';
import type { Found } from './questions.ts';

export interface BrokenWords {
  /** What is the matter, as one or two sentences. */
  readonly says: string;
  /** What to do about it, as one sentence. */
  readonly cure: string;
}

const DOES = {
  publish: 'publish to',
  subscribe: 'subscribe to',
  receive: 'receive from',
} as const satisfies Record<Action, string>;

export function describeBroken(proof: Exclude<Proof, { outcome: 'holds' }>): BrokenWords {
  const { assertion } = proof;
  if (proof.outcome === 'undecided') {
    return {
      says: `Whether \`${assertion.text}\` holds cannot be decided, because ${proof.why}.`,
      cure: 'Narrow its topic filter, or make several of it.',
    };
  }
  const { counterexample } = proof;
  const who = describeClient(counterexample);
  const may = assertion.kind === 'always' ? 'may not' : 'may';
  const what = `${DOES[assertion.action]} ${topicOf(counterexample.situation, assertion)}`;
  const how = describeMessage(counterexample);
  const says = `\`${assertion.text}\` is broken: ${who} ${may} ${what}${how}. ${describeAuthor(counterexample)}`;
  return { says, cure: cureOf(assertion, counterexample) };
}

/** What the situation is about: the topic, or with `always` and `subscribe` the filter. */
export function topicOf({ levels }: Situation, { kind, action, topic }: Assertion): string {
  const isOpen = kind === 'always' && action === 'subscribe' && (topic === '#' || topic.endsWith('/#'));
  return [...levels, ...(isOpen ? ['#'] : [])].join('/');
}

function describeAuthor({ by, near }: Found): string {
  if (by !== undefined) return `That is by ${placeOf(by)}: ${describeGrant(by.grant)}.`;
  if (near === undefined) return 'No grant covers it.';
  return `No grant applies; the nearest is in ${placeOf(near)}: ${describeGrant(near.grant)}.`;
}

function placeOf({ role, grant }: ModelGrant): string {
  return `role ${role.name}, line ${grant.line}`;
}

function cureOf({ kind }: Assertion, { by }: Found): string {
  if (by !== undefined) return 'Change that grant, who has its role, or the assertion.';
  return kind === 'always' ? 'Grant it, or narrow the assertion with `when` or `alone`.' : 'Change the assertion.';
}

/** All literals are about one client; what none of them is about goes without saying. */
function describeClient({ situation, literals }: Found): string {
  const { username, clientId, groups = [], roles = [], attributes = {}, listener, address, secure } = situation.subject;
  const variables = new Set(literals.flatMap(({ atom }) => variablesOf(atom)));
  const isAbout = (kind: Atom['kind']): boolean => literals.some(({ atom }) => atom.kind === kind);
  const parts = [
    ...(variables.has('clientId') ? [`with client identifier ${quoted(clientId)}`] : []),
    ...Object.entries(attributes).map(([name, value]) => `with ${name} ${quoted(value)}`),
    ...(groups.length > 0 ? [`in group ${groups.map(quoted).join(' and ')}`] : []),
    ...(roles.length > 0 ? [`whose identity brings role ${roles.map(quoted).join(' and ')}`] : []),
    ...(isAbout('listener') ? [describeListener(literals, listener!)] : []),
    ...(isAbout('network') ? [`from ${address}`] : []),
    ...(isAbout('tls') ? [secure === true ? 'with TLS' : 'without TLS'] : []),
  ];
  const isNamed = username !== undefined && variables.has('username');
  const isAnonymous = username === undefined && variables.has('username');
  const noun = isNamed ? `user ${quoted(username)}` : isAnonymous ? 'an anonymous client' : 'a client';
  return parts.length === 0 ? noun : `${noun} ${parts.join(', ')}${parts.length > 1 ? ',' : ''}`;
}

function variablesOf(atom: Atom): string[] {
  switch (atom.kind) {
    case 'named':
      return ['username'];
    case 'clientId':
      return ['clientId'];
    case 'oneOf':
    case 'fit':
    case 'plain':
      return [atom.variable];
    case 'level':
      return atom.term.flatMap((part) => ('variable' in part ? [part.variable] : []));
    default:
      return [];
  }
}

/** One that no grant names has no name of its own. */
function describeListener(literals: readonly Literal[], listener: string): string {
  const named = literals.flatMap(({ atom }) => (atom.kind === 'listener' ? [...atom.names] : []));
  return named.includes(listener)
    ? `through listener ${quoted(listener)}`
    : `through a listener other than ${[...new Set(named)].map(quoted).join(' or ')}`;
}

/** Told where it is out of the ordinary. */
function describeMessage({ situation: { facts, epochMs }, literals }: Found): string {
  const isAbout = (kind: Atom['kind']): boolean => literals.some(({ atom }) => atom.kind === kind);
  const parts = [
    ...(isAbout('qos') && facts.qos > 0 ? [`at QoS ${facts.qos}`] : []),
    ...(isAbout('retain') ? [facts.retain ? 'retained' : 'not retained'] : []),
    ...(isAbout('payload') && facts.payloadBytes > 0 ? [`with ${facts.payloadBytes} bytes`] : []),
    ...(isAbout('hours') ? [`at ${momentOf(epochMs)}`] : []),
  ];
  return parts.map((part) => `, ${part}`).join('');
}

function momentOf(epochMs: number): string {
  const date = new Date(epochMs);
  const day = date.toLocaleDateString('en', { weekday: 'short', timeZone: 'UTC' });
  return `${day} ${date.toISOString().slice(0, 16).replace('T', ' ')}Z`;
}

/** Plain words stand as they are. */
function quoted(text: string): string {
  return /^[\w.:@/$-]+$/.test(text) ? text : JSON.stringify(text);
}
