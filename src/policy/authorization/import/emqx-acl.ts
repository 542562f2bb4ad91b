/**
 * EMQX's acl.conf as roles. There the first rule that fits decides; here a deny beats every allow. So a deny is carried over only
 * where a later rule would allow what it denies, and told of where an earlier rule allowed it.
 */
import { filtersOverlap } from '../../../mqtt/topic.ts';
import { FaultList } from '../fault-list.ts';
import type { Action, Effect } from '../policy-form.ts';
import { checkPattern, hasPlaceholder } from '../topic-pattern.ts';
import { readTerms, type Term } from './erlang-terms.ts';
import type { ImportedConditions, ImportedPolicy } from './imported-policy.ts';

/** Keys of `to`, all of which have to hold. */
type Selector = Readonly<Record<string, string | readonly string[]>>;

interface Rule {
  readonly line: number;
  readonly effect: Effect;
  /** Any of them; undefined where it cannot be said here. */
  readonly who: readonly Selector[] | undefined;
  readonly actions: readonly Action[];
  readonly topics: readonly string[];
  readonly when: ImportedConditions;
}

/** @throws {FileFaultError} when it is no file of Erlang terms. */
export function importEmqxAcl(text: string, file: string, policy: ImportedPolicy): void {
  const faults = new FaultList(file);
  const terms = readTerms(text, faults);
  faults.throwIfAny();
  const rules = terms.flatMap((term) => readRule(term, policy) ?? []);
  for (const [index, rule] of rules.entries()) {
    if (rule.effect === 'deny') addDeny(rule, rules.slice(0, index), rules.slice(index + 1), policy);
    else add(rule, rule.topics, policy);
  }
}

/** The rule that decides where no other does. */
export interface LastRule {
  readonly line: number;
  readonly effect: string;
  /** Whether it is for everybody and everything. */
  readonly isForAll: boolean;
}

/** Undefined where there are no rules. @throws {FileFaultError} when it is no file of Erlang terms. */
export function lastRuleOf(text: string, file: string): LastRule | undefined {
  const faults = new FaultList(file);
  const term = readTerms(text, faults).at(-1);
  faults.throwIfAny();
  if (term === undefined) return undefined;
  const [effect, who, ...rest] = term.kind === 'tuple' ? term.items : [];
  return { line: term.line, effect: nameOf(effect) ?? '', isForAll: nameOf(who) === 'all' && rest.length === 0 };
}

function addDeny(deny: Rule, before: readonly Rule[], after: readonly Rule[], policy: ImportedPolicy): void {
  const overlaps = (topic: string, rules: readonly Rule[]): Rule | undefined =>
    rules.find(
      ({ effect, actions, topics }) =>
        effect === 'allow' &&
        actions.some((action) => deny.actions.includes(action)) &&
        topics.some((other) => filtersOverlap(widest(topic), widest(other))),
    );
  // What nothing behind it allows is denied without it.
  const needed = deny.topics.filter((topic) => overlaps(topic, after) !== undefined);
  for (const topic of needed) {
    const earlier = overlaps(topic, before);
    if (earlier === undefined) continue;
    policy.note(
      deny.line,
      `The rule at line ${earlier.line} allowed a part of ${topic} before this deny; here the deny beats it.`,
    );
  }
  add(deny, needed, policy);
}

/** With any value in place of placeholders. */
function widest(topic: string): string {
  return topic
    .split('/')
    .map((level) => (hasPlaceholder(level) ? '+' : level))
    .join('/');
}

function add({ line, effect, who, actions, when }: Rule, topics: readonly string[], policy: ImportedPolicy): void {
  if (topics.length === 0) return;
  if (who === undefined) {
    policy.leaveOut(effect, line, 'whom the rule means cannot be said in a policy.');
    return;
  }
  const role = roleOf(who, line);
  if (!policy.has(role)) {
    for (const selector of who) policy.assign([role], Object.keys(selector).length === 0 ? 'everyone' : selector);
  }
  for (const topic of topics) {
    for (const granted of splitActions(effect, actions, when)) {
      const isMessage = !granted.includes('subscribe');
      policy.grant(role, { effect, actions: granted, topic, line, ...(isMessage ? { when } : {}) });
    }
  }
}

/** EMQX asks when a client subscribes; what it then receives is not asked about again. */
function splitActions(effect: Effect, actions: readonly Action[], when: ImportedConditions): Action[][] {
  const messages = actions.map((action) => (action === 'subscribe' ? 'receive' : action));
  // A deny of `subscribe` would refuse every wider filter too; to withhold is enough.
  if (effect === 'deny') return [messages];
  if (!actions.includes('subscribe')) return [messages];
  return Object.keys(when).length === 0 ? [['subscribe', ...messages]] : [['subscribe'], messages];
}

function roleOf(who: readonly Selector[], line: number): string {
  const [first, ...more] = who;
  const entries = Object.entries(first ?? {});
  if (more.length > 0 || entries.length > 1) return `rule-${line}`;
  const [entry] = entries;
  return entry === undefined ? 'everyone' : `${entry[0]}-${String(entry[1])}`;
}

function readRule(term: Term, policy: ImportedPolicy): Rule | undefined {
  const { line } = term;
  const leftOut = (says: string): undefined => {
    policy.leaveOut(nameOf(permission) === 'deny' ? 'deny' : 'allow', line, says);
    return undefined;
  };
  const items = term.kind === 'tuple' ? term.items : [];
  const [permission, whoTerm, actionTerm, topicsTerm] = items;
  const effect = nameOf(permission);
  if ((effect !== 'allow' && effect !== 'deny') || whoTerm === undefined) return leftOut('this is no rule.');
  if (items.length === 2) {
    if (nameOf(whoTerm) !== 'all') return leftOut('a rule for some needs an action and topics.');
    if (effect === 'allow')
      policy.note(line, 'Everything is allowed to everyone; here without topics that begin with $.');
    return { line, effect, who: [{}], actions: ['publish', 'subscribe'], topics: ['#'], when: {} };
  }
  const action = readAction(actionTerm, effect, policy);
  if (action === undefined) return leftOut('this action is not known.');
  const topicTerms = topicsTerm?.kind === 'list' ? topicsTerm.items : topicsTerm === undefined ? [] : [topicsTerm];
  const topics = topicTerms.flatMap((topic) => readTopic(topic, effect, policy) ?? []);
  return { line, effect, who: readWho(whoTerm), ...action, topics };
}

function nameOf(term: Term | undefined): string | undefined {
  return term?.kind === 'atom' || term?.kind === 'string' || term?.kind === 'number' ? term.text : undefined;
}

const ACTIONS: Readonly<Record<string, readonly Action[]>> = {
  publish: ['publish'],
  subscribe: ['subscribe'],
  all: ['publish', 'subscribe'],
  pubsub: ['publish', 'subscribe'],
};

function readAction(
  term: Term | undefined,
  effect: Effect,
  policy: ImportedPolicy,
): Pick<Rule, 'actions' | 'when'> | undefined {
  const [nameTerm, options] = term?.kind === 'tuple' ? term.items : [term];
  const name = nameOf(nameTerm) ?? '';
  const actions = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (actions === undefined || term === undefined) return undefined;
  let when: ImportedConditions = {};
  for (const option of options?.kind === 'list' ? options.items : []) {
    const [key, value] = option.kind === 'tuple' ? option.items.map(nameOf) : [];
    if (key === 'retain' && value !== 'all') when = { ...when, retain: value === 'true' };
    if (key !== 'qos') continue;
    if (effect === 'deny') {
      policy.note(option.line, 'A deny cannot depend on the QoS; it now holds for each.');
    } else {
      when = { ...when, qos: Number(value) };
      if (value !== '0') policy.note(option.line, `QoS ${value} alone is allowed; here lower ones are too.`);
    }
  }
  if (actions.includes('subscribe') && Object.keys(when).length > 0) {
    policy.note(term.line, 'The conditions are about messages; to subscribe is allowed without them.');
  }
  return { actions, when };
}

function readTopic(term: Term, effect: Effect, policy: ImportedPolicy): string | undefined {
  const isExact = term.kind === 'tuple' && nameOf(term.items[0]) === 'eq';
  const given = nameOf(isExact ? term.items[1] : term);
  if (given === undefined) {
    policy.leaveOut(effect, term.line, 'this is no topic.');
    return undefined;
  }
  const topic = given
    .replaceAll(/\$\{clientid\}|%c/g, '${clientId}')
    .replaceAll('%u', '${username}')
    .replaceAll('${cn}', '${cert.cn}')
    .replaceAll('${client_attrs.', '${claim.');
  if (topic.includes('${claim.')) policy.note(term.line, `A client attribute is now one of the identity: ${topic}.`);
  if (isExact && effect === 'deny' && /[+#]/.test(topic)) {
    policy.leaveOut(effect, term.line, `only the filter ${topic} itself was denied, and filters in it were not.`);
    return undefined;
  }
  const fault = checkPattern(topic);
  if (fault === undefined) return topic;
  policy.leaveOut(effect, term.line, `${topic}: ${fault.says}`);
  return undefined;
}

function readWho(term: Term): readonly Selector[] | undefined {
  if (nameOf(term) === 'all') return [{}];
  if (term.kind !== 'tuple') return undefined;
  const [kindTerm, value] = term.items;
  const kind = nameOf(kindTerm);
  if (kind === 'or' || kind === 'and') {
    const parts = (value?.kind === 'list' ? value.items : []).map(readWho);
    if (parts.length === 0 || parts.includes(undefined)) return undefined;
    return kind === 'or' ? parts.flatMap((part) => part!) : parts.reduce((all, part) => bothOf(all, part), [{}]);
  }
  const text = nameOf(value);
  switch (kind) {
    case 'user':
    case 'username':
      return one('user', text ?? literalOf(value));
    case 'client':
    case 'clientid':
      // `*` is a wildcard here, and was none there.
      return one('clientId', text === undefined ? wildcardOf(value) : text.includes('*') ? undefined : text);
    case 'ipaddr':
      return one('network', text);
    case 'ipaddrs': {
      const networks = (value?.kind === 'list' ? value.items : []).map(nameOf);
      return networks.length === 0 || networks.includes(undefined) ? undefined : [{ network: networks as string[] }];
    }
    default:
      return undefined;
  }
}

function one(key: string, value: string | undefined): readonly Selector[] | undefined {
  return value === undefined ? undefined : [{ [key]: value }];
}

/** Every pair of both; undefined where a pair asks for the same thing twice. */
function bothOf(
  a: readonly Selector[] | undefined,
  b: readonly Selector[] | undefined,
): readonly Selector[] | undefined {
  const pairs: Selector[] = [];
  for (const left of a ?? []) {
    for (const right of b ?? []) {
      if (Object.keys(left).some((key) => Object.hasOwn(right, key))) return undefined;
      pairs.push({ ...left, ...right });
    }
  }
  return a === undefined || b === undefined ? undefined : pairs;
}

function patternOf(term: Term | undefined): string | undefined {
  return term?.kind === 'tuple' && nameOf(term.items[0]) === 're' ? nameOf(term.items[1]) : undefined;
}

/** What a regular expression matches when it matches one text only. */
function literalOf(term: Term | undefined): string | undefined {
  const match = /^\^([\w@ -]+)\$$/.exec(patternOf(term) ?? '');
  return match?.[1];
}

/** A regular expression as a name with `*`, where it says no more than that. */
function wildcardOf(term: Term | undefined): string | undefined {
  const match = /^(\^?)(?:\.\*)?([\w@ -]+)(?:(\.\*)?\$|\.\*)?$/.exec(patternOf(term) ?? '');
  if (match === null) return undefined;
  const pattern = patternOf(term)!;
  const isFixedStart = pattern.startsWith('^') && !pattern.startsWith('^.*');
  const isFixedEnd = pattern.endsWith('$') && !pattern.endsWith('.*$');
  return `${isFixedStart ? '' : '*'}${match[2]}${isFixedEnd ? '' : '*'}`;
}
