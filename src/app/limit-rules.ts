/** The configuration's limits as rules, each with the line that it comes from. */
import { isLimitName, type Scope } from '../policy/limits/limit-name.ts';
import { type LimitMap, type LimitRules, scopeKey } from '../policy/limits/limit-rules.ts';
import { type Limit, readLimit } from '../policy/limits/limit-value.ts';
import type { Config } from './config/config.ts';
import type { GivenLimits } from './config/limits-schema.ts';
import { OperatorError } from './config/problem.ts';

export function limitRulesOf({ limits, listeners }: Config): LimitRules {
  const { scopes, places } = limits;
  const read = (given: GivenLimits, at: string): LimitMap => readLimits(given, at, places);
  const every = new Map<Scope, LimitMap>([
    ['global', read(scopes.global, 'limits.global')],
    ['address', read(scopes.address, 'limits.address')],
    ['network', read(scopes.network.limits, 'limits.network')],
    ['user', read(scopes.user, 'limits.user')],
    ['client', read(scopes.client, 'limits.client')],
  ]);
  const named = new Map<string, LimitMap>();
  const add = (scope: Scope, key: string, given: GivenLimits, at: string): void => {
    const found = read(given, at);
    if (found.size > 0) named.set(scopeKey(scope, key), found);
  };
  for (const [i, listener] of listeners.entries()) {
    add('listener', listener.name, listener.limits?.shared ?? {}, `listeners[${i}].limits`);
  }
  for (const [i, { role, limits: given }] of scopes.roles.entries()) add('role', role, given, `limits.roles[${i}]`);
  for (const [i, { filter, limits: given }] of scopes.topics.entries()) {
    add('topic', filter, given, `limits.topics[${i}]`);
  }
  const { prefixV4, prefixV6 } = scopes.network;
  return { prefixV4, prefixV6, every, named };
}

function readLimits(given: GivenLimits, at: string, places: Readonly<Record<string, string>>): LimitMap {
  const limits = new Map<Limit['name'], Limit>();
  for (const [name, value] of Object.entries(given)) {
    const limit = isLimitName(name) ? readLimit(name, value, places[`${at}.${name}`] ?? 'default') : name;
    // INVARIANT: the configuration's schema has read it before.
    if (typeof limit === 'string') throw new OperatorError(`The limit ${at}.${limit} cannot be.`);
    limits.set(limit.name, limit);
  }
  return limits;
}
