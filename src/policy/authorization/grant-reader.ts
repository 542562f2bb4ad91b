/** Reads the grants of a role: `allow` or `deny`, the actions, the topics, and the conditions under `when`. */
import { NetworkSet, NetworkSyntaxError } from '../../base/ip-address.ts';
import { parseSizeBytes } from '../../base/size.ts';
import type { PlainGrants } from './bulk-grants.ts';
import { type FaultList, quote } from './fault-list.ts';
import { HOURS_FORM, parseHours } from './hours.ts';
import { isEmpty, readMap, readText, readTexts, readWord } from './policy-fields.ts';
import { ACTIONS, type Action, type Conditions, type Effect, type Grant, type Hours } from './policy-form.ts';
import type { YamlEntry, YamlNode } from './policy-yaml.ts';
import { checkPattern, hasPlaceholder } from './topic-pattern.ts';

export const GRANTS_MAX = 2_000_000;
/** Different levels with a placeholder in them. */
const PLACEHOLDER_LEVELS_MAX = 1000;
/** Different conditions: each is evaluated for every client that has a grant with it. */
const CONDITIONS_MAX = 10_000;

const GRANT_KEYS = ['allow', 'deny', 'topics', 'when'];
const CONDITION_KEYS = ['qos', 'retain', 'payloadMax', 'hours', 'network', 'listener', 'tls'] as const;
/** A deny with a maximum would let through all that is larger, and one that needs TLS all that comes without. */
const ALLOW_ONLY = ['qos', 'payloadMax', 'tls'];
/** A SUBSCRIBE has none of these. */
const OF_MESSAGES = ['qos', 'retain', 'payloadMax'];

export const NO_CONDITIONS: Conditions = Object.freeze({});

/** All sets of actions, so that grants share theirs: by bits, in the order of `ACTIONS`. */
const ACTION_SETS: readonly (readonly Action[])[] = Array.from({ length: 8 }, (_, bits) =>
  Object.freeze(ACTIONS.filter((_action, index) => (bits & (1 << index)) !== 0)),
);

function actionSet(actions: readonly Action[]): readonly Action[] {
  return ACTION_SETS[actions.reduce((bits, action) => bits | (1 << ACTIONS.indexOf(action)), 0)]!;
}

export class GrantReader {
  readonly #faults: FaultList;
  readonly #placeholderLevels = new Set<string>();
  #grants = 0;
  #conditions = 0;

  constructor(faults: FaultList) {
    this.#faults = faults;
  }

  /** Adds what one entry of the list `grants` says. */
  read(node: YamlNode, grants: Grant[]): void {
    const faults = this.#faults;
    const keys = readMap(node, 'A grant', GRANT_KEYS, faults);
    if (keys === undefined) return;
    const [allow, deny, topics] = [keys.get('allow'), keys.get('deny'), keys.get('topics')];
    const actionsAt = allow ?? deny;
    if (actionsAt === undefined) {
      faults.add(node, 'The grant does not say what it does.', 'Give it `allow` or `deny` with actions.');
      return;
    }
    if (allow !== undefined && deny !== undefined) {
      faults.add(deny, 'The grant both allows and denies.', 'Make two of it.');
      return;
    }
    if (topics === undefined) {
      faults.add(node, 'The grant has no topics.', 'Give it `topics`: a topic filter, or a list of them.');
      return;
    }
    const effect = allow === undefined ? 'deny' : 'allow';
    const actions = this.#readActions(actionsAt.value);
    const when = this.readConditions(keys.get('when'), effect, actions);
    for (const topic of readTexts(topics.value, 'The list of topics', faults)) {
      if (this.#checkTopic(topic.text, topic.line, topic.column))
        this.#add(grants, effect, actions, topic.text, when, topic.line);
    }
  }

  #add(
    grants: Grant[],
    effect: Effect,
    actions: readonly Action[],
    topic: string,
    when: Conditions,
    line: number,
  ): void {
    if (++this.#grants > GRANTS_MAX) {
      if (this.#grants > GRANTS_MAX + 1) return;
      const cure = 'Replace many grants by few with placeholders.';
      this.#faults.add({ line, column: 1 }, `There are more than ${GRANTS_MAX} grants.`, cure);
      return;
    }
    grants.push(Object.freeze({ file: this.#faults.file, line, effect, actions, topic, when }));
  }

  #checkTopic(topic: string, line: number, column: number): boolean {
    const fault = checkPattern(topic);
    if (fault !== undefined) {
      this.#faults.add({ line, column: column + fault.at }, fault.says, fault.cure);
      return false;
    }
    if (!hasPlaceholder(topic)) return true;
    for (const level of topic.split('/')) if (hasPlaceholder(level)) this.#placeholderLevels.add(level);
    if (this.#placeholderLevels.size <= PLACEHOLDER_LEVELS_MAX) return true;
    const says = `There are more than ${PLACEHOLDER_LEVELS_MAX} different levels with placeholders.`;
    this.#faults.add({ line, column }, says, 'Give the placeholder a level of its own.');
    return false;
  }

  /** Adds what an entry of the plainest form says. */
  addPlain({ effect, actions, topics }: PlainGrants, grants: Grant[]): void {
    const shared = actionSet(actions);
    for (const { text, line, column } of topics) {
      if (this.#checkTopic(text, line, column)) this.#add(grants, effect, shared, text, NO_CONDITIONS, line);
    }
  }

  #readActions(node: YamlNode): readonly Action[] {
    const texts = readTexts(node, 'The list of actions', this.#faults);
    return actionSet(texts.flatMap((text) => readWord(text, 'An action', ACTIONS, this.#faults) ?? []));
  }

  /** What stands under `when`; no conditions where there is none. */
  readConditions(entry: YamlEntry | undefined, effect: Effect, actions: readonly Action[]): Conditions {
    if (entry === undefined) return NO_CONDITIONS;
    const faults = this.#faults;
    if (isEmpty(entry.value)) {
      faults.add(entry, 'There is no condition under `when`.', 'Give one, or remove the line.');
      return NO_CONDITIONS;
    }
    if (++this.#conditions > CONDITIONS_MAX) {
      const cure = 'List the topics of all grants with the same condition in one.';
      faults.add(entry, `There are more than ${CONDITIONS_MAX} grants with conditions.`, cure);
      return NO_CONDITIONS;
    }
    const keys = readMap(entry.value, 'What stands under `when`', CONDITION_KEYS, faults);
    if (keys === undefined) return NO_CONDITIONS;
    for (const [key, at] of keys) {
      if (effect === 'deny' && ALLOW_ONLY.includes(key)) {
        const says = `A deny under the condition \`${key}\` would deny less than it seems to.`;
        faults.add(at, says, `Put \`${key}\` on the grant that allows.`);
      } else if (actions.includes('subscribe') && OF_MESSAGES.includes(key)) {
        const says = `The condition \`${key}\` is about messages, and a subscription is none.`;
        faults.add(at, says, 'Make `subscribe` a grant of its own, without it.');
      }
    }
    return this.#conditionsOf(keys);
  }

  #conditionsOf(keys: ReadonlyMap<string, YamlEntry>): Conditions {
    const faults = this.#faults;
    const nodeOf = (key: (typeof CONDITION_KEYS)[number]): YamlNode | undefined => keys.get(key)?.value;
    const [qos, retain, payload, hours] = [nodeOf('qos'), nodeOf('retain'), nodeOf('payloadMax'), nodeOf('hours')];
    const [network, listener, tls] = [nodeOf('network'), nodeOf('listener'), nodeOf('tls')];
    const qosMax = qos && readWord(qos, 'The highest QoS', ['0', '1', '2'], faults);
    const isRetained = retain && readWord(retain, 'The condition `retain`', ['true', 'false'], faults);
    const payloadMaxBytes = payload && this.#readSize(payload);
    return Object.freeze({
      ...(qosMax === undefined ? {} : { qosMax: Number(qosMax) as 0 | 1 | 2 }),
      ...(isRetained === undefined ? {} : { retain: isRetained === 'true' }),
      ...(payloadMaxBytes === undefined ? {} : { payloadMaxBytes }),
      ...(hours === undefined ? {} : { hours: this.#readHours(hours) }),
      ...(network === undefined ? {} : { networks: readNetworks(network, faults) }),
      ...(listener === undefined ? {} : { listeners: readNames(listener, 'The list of listeners', faults) }),
      ...(tls && readWord(tls, 'The condition `tls`', ['required'], faults) && { tls: 'required' as const }),
    });
  }

  #readSize(node: YamlNode): number | undefined {
    const text = readText(node, 'The largest payload', this.#faults);
    if (text === undefined) return undefined;
    const bytes = parseSizeBytes(/^\d{1,15}$/.test(text.text) ? Number(text.text) : text.text);
    if (bytes === undefined) {
      const cure = 'Give bytes, or a number with its unit (KiB, MiB, KB, MB).';
      this.#faults.add(text, `${quote(text.text)} is no size.`, cure);
    }
    return bytes;
  }

  #readHours(node: YamlNode): readonly Hours[] {
    const windows = readTexts(node, 'The list of hours', this.#faults).flatMap((text) => {
      const window = parseHours(text.text);
      if (window === undefined)
        this.#faults.add(text, `${quote(text.text)} is no window of time.`, `Write it as ${HOURS_FORM}.`);
      return window ?? [];
    });
    return Object.freeze(windows);
  }
}

export function readNames(node: YamlNode, what: string, faults: FaultList): readonly string[] {
  return Object.freeze(readTexts(node, what, faults).map(({ text }) => text));
}

export function readNetworks(node: YamlNode, faults: FaultList): readonly string[] {
  const texts = readTexts(node, 'The list of networks', faults);
  for (const text of texts) {
    try {
      new NetworkSet([text.text]);
    } catch (error) {
      if (!(error instanceof NetworkSyntaxError)) throw error;
      faults.add(
        text,
        `${quote(text.text)} is neither an address nor a network.`,
        'Write such as 10.0.0.0/8 or fd00::/8.',
      );
    }
  }
  return Object.freeze(texts.map(({ text }) => text));
}
