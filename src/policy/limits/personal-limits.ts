/** Limits that come with who somebody is: in the answer of a web service, in a token, or with a role of the policy. */
import { isLimitName, isLimitOf, unknownLimit } from './limit-name.ts';
import { type Limit, readLimit } from './limit-value.ts';

const LIMITS_MAX = 32;

/** By name, as they were given; or a sentence that says what is wrong with one. They are limits of one client. */
export function readPersonalLimits(given: Readonly<Record<string, unknown>>, source: string): Limit[] | string {
  const entries = Object.entries(given);
  if (entries.length > LIMITS_MAX) return `there are more than ${LIMITS_MAX} limits`;
  const limits: Limit[] = [];
  for (const [name, value] of entries) {
    if (!isLimitName(name) || !isLimitOf(name, 'client')) return unknownLimit(name, 'client');
    const limit = readLimit(name, value, source);
    if (typeof limit === 'string') return limit;
    limits.push(limit);
  }
  return limits;
}
