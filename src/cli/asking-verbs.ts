/** Commands whose verbs each ask the running gateway one question, and tell the answer. */
import type { ControlRequest } from '../app/control/client.ts';
import type { SilentWorker } from '../app/silent-workers.ts';
import { ExitCode, hasOption, type Invocation, textOption, UsageError } from './command.ts';
import { askRunning } from './gateway-question.ts';
import { tellSilent } from './silent-text.ts';
import { verbOf } from './subcommand.ts';
import { print, printJson } from './terminal.ts';

export interface AskingVerb {
  /** @throws {UsageError} */
  readonly request: (words: readonly string[], invocation: Invocation) => ControlRequest;
  readonly describe: (result: unknown) => string;
  /** Of a list whose pages may be short: what is missing of the one that was asked for. */
  readonly rest?: {
    /** Undefined where it is whole. */
    readonly request: (result: unknown, invocation: Invocation) => ControlRequest | undefined;
    readonly join: (result: unknown, rest: unknown) => unknown;
  };
}

export interface AskingCommand {
  readonly name: string;
  /** `list` is the one that no word means. */
  readonly verbs: Readonly<Record<string, AskingVerb>>;
  /** What the silence of a worker leaves out of the answer, as a clause. */
  readonly missing: string;
}

/** @throws {UsageError} */
export async function runAskingVerb({ name, verbs, missing }: AskingCommand, invocation: Invocation): Promise<number> {
  const [word = 'list', ...rest] = invocation.words;
  const verb = verbOf(name, verbs, word);
  const asked = await askRunning(invocation, verb.request(rest, invocation));
  if ('code' in asked) return asked.code;
  let { result } = asked;
  for (;;) {
    const further = verb.rest?.request(result, invocation);
    if (further === undefined) break;
    const more = await askRunning(invocation, further);
    if ('code' in more) return more.code;
    result = verb.rest?.join(result, more.result);
  }
  if (hasOption(invocation, 'json')) printJson({ ok: true, result });
  else print(verb.describe(result));
  const { silentWorkers = [] } = (result ?? {}) as { silentWorkers?: readonly SilentWorker[] };
  tellSilent(silentWorkers, missing);
  return ExitCode.Ok;
}

/** The one client that a verb is about. @throws {UsageError} */
export function oneClient(words: readonly string[], command: string, verb: string): string {
  const [id, ...more] = words;
  if (id === undefined || id === '' || more.length > 0)
    throw new UsageError(`Name one client: \`${command} ${verb} pump-7\`.`);
  return id;
}

export const PAGE_DEFAULT = 100;

/** Of a list that comes in pages. */
export const PAGE_OPTIONS = {
  limit: {
    type: 'string',
    goesWith: ['list'],
    short: 'n',
    value: 'N',
    says: 'how many at most (default: 100, up to 1000)',
  },
  after: { type: 'string', goesWith: ['list'], value: 'CURSOR', says: 'the next page, as the one before says' },
} as const;

export function pageQuery(invocation: Invocation): Readonly<Record<'limit' | 'cursor', string | undefined>> {
  return { limit: textOption(invocation, 'limit'), cursor: textOption(invocation, 'after') };
}

/** Behind the rows of a page: how to ask for the next; nothing behind the last one. */
export function pageEnd(shown: number, matched: number | null, next: string | null): string {
  const all = matched === null ? '' : ` of ${matched}`;
  return next === null ? '' : `\n${shown}${all}; the next page: --after ${next}`;
}

/** Of a list whose pages may be short: asks on until there are as many as were wanted. `rows` names them in the answer. */
export function restOfPages<Row extends string>(
  rows: Row,
  ask: (invocation: Invocation) => ControlRequest,
): NonNullable<AskingVerb['rest']> {
  type Page = { readonly [Name in Row]: readonly unknown[] } & { readonly next: string | null };
  return {
    request: (result, invocation) => {
      const page = result as Page;
      const missing = Number(textOption(invocation, 'limit') ?? PAGE_DEFAULT) - page[rows].length;
      if (page.next === null || missing <= 0) return undefined;
      const request = ask(invocation);
      return { ...request, query: { ...request.query, limit: String(missing), cursor: page.next } };
    },
    join: (result, rest) => {
      const [page, more] = [result as Page, rest as Page];
      return { ...more, [rows]: [...page[rows], ...more[rows]] };
    },
  };
}
