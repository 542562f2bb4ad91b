/** Holds the parts of a request against what its route declares, and says of each place that is wrong what would be right. */
import type { z } from 'zod';
import { nearestWord } from '../../base/nearest-word.ts';
import { formatPath, type KeyPath } from '../config/key-path.ts';
import { ControlProblem, type RequestFault } from './problem-details.ts';
import type { AnyRoute } from './route.ts';

/** More help nobody. */
const FAULTS_MAX = 20;
const NAME_SHOWN_MAX = 60;

interface RequestParts {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** The parts as the route's schemas make them. @throws {ControlProblem} with all that is wrong. */
export function checkedParts(route: AnyRoute, given: RequestParts): RequestParts {
  const faults: RequestFault[] = [];
  const read = (schema: z.ZodType | undefined, where: RequestFault['in'], value: unknown): unknown => {
    if (schema === undefined) {
      if (where === 'query') faults.push(...strangers(Object.keys(value as object), [], where, []));
      return undefined;
    }
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) faults.push(...faultsOf(issue, where, schema));
    return undefined;
  };
  const parts = {
    params: read(route.params, 'path', given.params),
    query: read(route.query, 'query', given.query),
    body: read(route.body, 'body', given.body),
  };
  if (faults.length === 0) return parts;
  const [first] = faults;
  const place = first!.at === '' ? `the ${first!.in}` : `${first!.at} in the ${first!.in}`;
  const more = faults.length > 1 ? ' There is more: see errors.' : '';
  const end = /[.?]$/.test(first!.says) ? '' : '.';
  throw new ControlProblem('invalid-request', `${place}: ${first!.says}${end}${more}`, {
    errors: faults.slice(0, FAULTS_MAX),
  });
}

function faultsOf(issue: z.core.$ZodIssue, where: RequestFault['in'], schema: z.ZodType): RequestFault[] {
  const path = issue.path as KeyPath;
  if (issue.code !== 'unrecognized_keys') return [{ in: where, at: formatPath(path), says: wordsFor(issue, where) }];
  return strangers(issue.keys, path, where, path.length === 0 ? keysOf(schema) : []);
}

/** What the query's parser makes of a parameter that is there twice. */
const LISTED = 'is a list: ';

/** A choice that has no words of its own is told in the words of all others. */
function wordsFor(issue: z.core.$ZodIssue, where: RequestFault['in']): string {
  if (where === 'query' && issue.message.startsWith(LISTED)) {
    return `is given more than once: ${issue.message.slice(LISTED.length)}`;
  }
  if (issue.code !== 'invalid_value' || !issue.message.startsWith('Invalid option')) return issue.message;
  return `give one of ${issue.values.map(String).join(', ')}`;
}

function keysOf(schema: z.ZodType): string[] {
  const { shape } = schema as { shape?: object };
  return Object.keys(shape ?? {});
}

function strangers(
  keys: readonly string[],
  path: KeyPath,
  where: RequestFault['in'],
  known: readonly string[],
): RequestFault[] {
  return keys.slice(0, FAULTS_MAX).map((key) => {
    const meant = nearestWord(key, known);
    const cure =
      meant === undefined
        ? known.length === 0
          ? 'remove it'
          : `known here are: ${known.join(', ')}`
        : `did you mean \`${meant}\`?`;
    return { in: where, at: formatPath([...path, key.slice(0, NAME_SHOWN_MAX)]), says: `is unknown; ${cure}` };
  });
}
