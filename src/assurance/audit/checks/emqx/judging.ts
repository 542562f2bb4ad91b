/** What the evaluators of family E share: one listener at a time, and settings as evidence. */
import type { EmqxConfig, EmqxListener, EmqxSetting } from '../../brokers/emqx/config.ts';
import type { EmqxFacts } from '../../brokers/emqx/facts.ts';
import { isLoopbackAddress } from '../../host/sockets.ts';
import { unknown } from '../../model/fact.ts';
import {
  type Evidence,
  evidence,
  judge,
  notApplicable,
  type Outcome,
  type Outcomes,
  unassessed,
} from '../../model/outcome.ts';

export interface Place {
  readonly subject: string;
  readonly port?: number;
}

export function ofConfig(facts: EmqxFacts, judgeIt: (config: EmqxConfig) => Outcomes): Outcomes {
  return judge(facts.config, judgeIt, ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)));
}

type JudgeListener = (config: EmqxConfig, listener: EmqxListener, place: Place) => Outcome | readonly Outcome[];

export function everyListener(facts: EmqxFacts, judgeOne: JudgeListener): Outcomes {
  return ofConfig(facts, (config) => {
    const listeners = config.listeners();
    if (listeners.length === 0) return notApplicable('no-listener', 'Every listener is switched off.');
    return listeners.flatMap((one) => judgeOne(config, one, placeOf(one)));
  });
}

/** Those of some types; where there is none of them, the check has nothing to say. */
export function everyListenerOf(
  types: readonly EmqxListener['type'][],
  facts: EmqxFacts,
  judgeOne: JudgeListener,
): Outcomes {
  return ofConfig(facts, (config) => {
    const listeners = config.listeners().filter(({ type }) => types.includes(type));
    if (listeners.length === 0) return notApplicable('no-listener', `No listener of type ${types.join(' or ')} is on.`);
    return listeners.flatMap((one) => judgeOne(config, one, placeOf(one)));
  });
}

export function placeOf({ label, port }: EmqxListener): Place {
  return port === 0 ? { subject: label } : { subject: label, port };
}

/** A setting as it stands, or the default with the table that it is from and the files that do not set it. */
export function proofOf(config: EmqxConfig, name: string, { text, place }: EmqxSetting, expected: string): Evidence {
  const observed =
    place === undefined
      ? `${name} is not set in ${config.layers.join(', ')}: ${text === '' ? 'nothing' : text} (defaults of ${config.table})`
      : `${name} = ${text}`;
  return evidence(observed, expected, config.source(place));
}

export function isLocal({ address }: EmqxListener): boolean {
  return address !== undefined && isLoopbackAddress(address);
}
