/** What the evaluators of family M share: one listener at a time, and settings as evidence. */
import {
  isLocal,
  isTrue,
  type MosquittoConfig,
  type MosquittoListener,
  type Setting,
} from '../../brokers/mosquitto/config.ts';
import type { Directive } from '../../brokers/mosquitto/directives.ts';
import type { MosquittoFacts } from '../../brokers/mosquitto/facts.ts';
import { type Source, unknown } from '../../model/fact.ts';
import { type Evidence, evidence, judge, type Outcome, type Outcomes, unassessed } from '../../model/outcome.ts';

export interface Place {
  readonly subject: string;
  readonly port?: number;
}

export function ofConfig(facts: MosquittoFacts, judgeIt: (config: MosquittoConfig) => Outcomes): Outcomes {
  return judge(facts.config, judgeIt, ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)));
}

export function everyListener(
  facts: MosquittoFacts,
  judgeOne: (config: MosquittoConfig, listener: MosquittoListener, place: Place) => Outcome | readonly Outcome[],
): Outcomes {
  return ofConfig(facts, (config) => config.listeners.flatMap((one) => judgeOne(config, one, placeOf(one))));
}

export function placeOf({ label, port }: MosquittoListener): Place {
  return port === 0 ? { subject: label } : { subject: label, port };
}

export function sourceOf(config: MosquittoConfig, directive: Directive | undefined): Source {
  return directive === undefined ? { from: config.file } : { from: directive.file, line: directive.line };
}

/** A setting as it stands, or the default with the table that it is from. */
export function proofOf(config: MosquittoConfig, name: string, setting: Setting, expected: string): Evidence {
  const value = setting.value === '' ? 'nothing' : setting.value;
  const observed =
    setting.directive === undefined
      ? `${name} is not set: ${value} (defaults of ${config.table})`
      : `${name} ${setting.value}`;
  return evidence(observed, expected, sourceOf(config, setting.directive));
}

export function hasTls(config: MosquittoConfig, listener: MosquittoListener): boolean {
  return config.settingOf(listener, 'certfile').value !== '' || config.settingOf(listener, 'psk_hint').value !== '';
}

/** Whether clients that bring no user name are let in, and which setting says so. */
export function anonymousAccess(
  config: MosquittoConfig,
  listener: MosquittoListener,
): { readonly isAllowed: boolean; readonly name: string; readonly setting: Setting } {
  if (config.table === '2.1') {
    const own = config.settingOf(listener, 'listener_allow_anonymous');
    if (own.directive !== undefined)
      return { isAllowed: isTrue(own.value), name: 'listener_allow_anonymous', setting: own };
  }
  const setting = config.settingOf(listener, 'allow_anonymous');
  const name = 'allow_anonymous';
  const isLocalOnly = listener.origin === 'local-only';
  // Without any listener, 2.0 lets local clients in whatever is said.
  if (setting.directive === undefined || (isLocalOnly && config.table === '2.0')) {
    const value = String(isLocalOnly);
    return { isAllowed: isLocalOnly, name, setting: { value, directive: setting.directive } };
  }
  return { isAllowed: isTrue(setting.value), name, setting };
}

/** Whether every client of the listener has to show a certificate. */
export function wantsCertificates(config: MosquittoConfig, listener: MosquittoListener): boolean {
  return hasTls(config, listener) && isTrue(config.settingOf(listener, 'require_certificate').value);
}

export function plugins(config: MosquittoConfig, listener: MosquittoListener): Directive[] {
  return config.directivesOf(listener, 'plugin', 'global_plugin', 'auth_plugin');
}

export { isLocal, isTrue };
