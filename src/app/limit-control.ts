/** What operators ask of limits over the control socket, read from words and answered with plain data. */
import type { Clock } from '../base/clock.ts';
import { parseDurationMs } from '../base/duration.ts';
import { networkOf } from '../base/ip-address.ts';
import { isLimitName, isLimitOf, type LimitName, unknownLimit } from '../policy/limits/limit-name.ts';
import { type LimitReport, type OverrideReport, overridesOf, reportOf } from '../policy/limits/limit-report.ts';
import type { Target } from '../policy/limits/limit-rules.ts';
import { type Limit, readLimit } from '../policy/limits/limit-value.ts';
import type { LimitsInForce } from '../policy/limits/limits-in-force.ts';
import { parseTarget, targetText } from '../policy/limits/target.ts';
import { demandKnown } from './clients/client-query.ts';
import type { Config } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import type { SilentWorker } from './silent-workers.ts';

/** Of one process, or of several that are told alike. */
export interface GatewayLimits {
  /** Replaces one limit of a target, for so long or until it is taken back; false where there are too many overrides. */
  override(target: Target, limit: Limit, forMs: number | undefined): boolean;
  /** Takes one back, or all of a target; how many there were. */
  unset(target: Target, name?: LimitName): number;
  overrides(): OverrideReport[];
  report(target: Target): HeldLimits | Promise<HeldLimits>;
}

export interface HeldLimits {
  readonly limits: readonly LimitReport[];
  /** Workers whose part of it is missing. */
  readonly silent: readonly SilentWorker[];
}

/** Of one process. */
export function limitControl(limits: LimitsInForce, clock: Clock): GatewayLimits {
  return {
    override: (target, limit, forMs) => limits.override(target, limit, forMs),
    unset: (target, name) => limits.unset(target, name),
    overrides: () => overridesOf(limits, clock.nowMs()),
    report: (target) => ({ limits: reportOf(limits, target, clock.nowMs()), silent: [] }),
  };
}

/** What of the configuration says who is counted together. */
type Counted = Pick<Config, 'listeners' | 'limits'>;

const FOR_MAX_MS = 365 * 86_400_000;

function sentence(text: string): string {
  return text.endsWith('?') ? text : `${text}.`;
}

function targetOf(text: string | undefined): Target {
  if (text === undefined) throw new OperatorError('Name whom it is about, such as client:d42.');
  const target = parseTarget(text);
  if (typeof target === 'string') throw new OperatorError(sentence(target));
  return target;
}

function nameOf(text: string, { scope }: Target): LimitName {
  if (isLimitName(text) && isLimitOf(text, scope)) return text;
  throw new OperatorError(sentence(unknownLimit(text, scope)));
}

/** @throws {OperatorError} for a target that nobody will ever be. */
function demandMeant({ scope, key }: Target, { listeners, limits }: Counted): void {
  if (scope === 'listener' && key !== undefined) {
    const names = listeners.map(({ name }) => name);
    demandKnown('listener', key, names);
  }
  if (scope !== 'network' || key === undefined) return;
  const { prefixV4, prefixV6 } = limits.scopes.network;
  const network = networkOf(key.slice(0, key.indexOf('/')), prefixV4, prefixV6);
  if (network === key) return;
  throw new OperatorError(
    `Networks count as /${prefixV4} and /${prefixV6}, as limits.network says: name network:${network}.`,
  );
}

/**
 * `TARGET FOR NAME=VALUE…`, where FOR may be empty. All of it is checked before any of it takes effect. With `counted`, a listener has
 * to be there, and a network has to be one that connections are counted by.
 */
export function setLimits(
  limits: GatewayLimits,
  words: readonly string[],
  who: string,
  counted?: Counted,
): OverrideReport[] {
  const [targetWord, forText = '', ...assignments] = words;
  const target = targetOf(targetWord);
  if (counted !== undefined) demandMeant(target, counted);
  const forMs = forText === '' ? undefined : parseDurationMs(forText);
  if (forText !== '' && (forMs === undefined || forMs === 0 || forMs > FOR_MAX_MS)) {
    throw new OperatorError(`"${forText}" is no time that an override can last: give 10m or the like, up to 365d.`);
  }
  if (assignments.length === 0) throw new OperatorError('Say what to set, such as publish.bytesPerSecond=2KB.');
  const read = assignments.map((assignment): Limit => {
    const at = assignment.indexOf('=');
    if (at === -1) throw new OperatorError(`"${assignment}" has no value: write it as NAME=VALUE.`);
    const name = nameOf(assignment.slice(0, at), target);
    const limit = readLimit(name, assignment.slice(at + 1), `override by ${who}`);
    if (typeof limit === 'string') throw new OperatorError(`${limit}.`);
    return limit;
  });
  for (const limit of read) {
    if (!limits.override(target, limit, forMs)) {
      throw new OperatorError('There are as many overrides as there may be; `sallyport limits list` shows them.');
    }
  }
  const text = targetText(target);
  return limits.overrides().filter((each) => each.target === text && read.some(({ name }) => name === each.limit));
}

/** `TARGET [NAME…]`; how many were taken back. */
export function unsetLimits(limits: GatewayLimits, words: readonly string[]): number {
  const [targetWord, ...names] = words;
  const target = targetOf(targetWord);
  const known = names.map((name) => nameOf(name, target));
  const gone =
    known.length === 0 ? limits.unset(target) : known.reduce((sum, name) => sum + limits.unset(target, name), 0);
  if (gone > 0) return gone;
  throw new OperatorError(`There is no such override of ${targetText(target)}; \`sallyport limits list\` shows them.`);
}

export async function showLimits(limits: GatewayLimits, words: readonly string[]): Promise<HeldLimits> {
  return limits.report(targetOf(words[0]));
}
