/** What every command is made of: the same table feeds the parser, the help and the suggestions. */

export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** What stands for the value in the help, such as `FILE`. */
  readonly value?: string;
  /**
   * Of a command that has verbs: those that it means something to, each as one word or as two, such as `token create`; the empty
   * one is none. Absent for all. It feeds the parser, which refuses the option elsewhere, and the help.
   */
  readonly goesWith?: readonly string[];
  readonly says: string;
}

export interface Invocation {
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly words: readonly string[];
}

export interface Command {
  readonly name: string;
  /** What stands behind the name, such as `[options]` or `add NAME [options]`. */
  readonly usage: readonly string[];
  /** Words that may follow the name, at most. */
  readonly wordsMax: number;
  /** The verb that is meant where none is said. */
  readonly verbUnsaid?: string;
  readonly description: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  readonly examples: readonly (readonly [line: string, says: string])[];
  readonly exitCodes: readonly (readonly [code: number, says: string])[];
  /** Resolves with the exit code. Throws what the operator has to mend. */
  readonly run: (invocation: Invocation) => Promise<number>;
}

/** `BrokenPipe` is what a shell reports of a program that SIGPIPE has ended. */
export const ExitCode = { Ok: 0, Negative: 1, Usage: 2, NotRunning: 3, Bug: 70, BrokenPipe: 141 } as const;

/** The command line is wrong: said in one sentence, with where to read on. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A form such as `add NAME [--for TIME]` begins with a verb, or with several such as `enable | disable NAME`. */
const VERBS = /^[a-z][a-z-]*(?: \| [a-z][a-z-]*)*(?= |$)/;

/** The words that may come first behind the name. */
export function verbsOf({ usage }: Pick<Command, 'usage'>): string[] {
  return [...new Set(usage.flatMap((form) => VERBS.exec(form)?.[0].split(' | ') ?? []))];
}

/** A verb, and what may be said behind it where that is a verb of its own, such as `create` of `token create`. */
export interface SaidVerb {
  readonly verb: string;
  readonly second?: string;
}

/** Undefined where the words begin with none that the command knows. */
export function saidVerb(
  command: Pick<Command, 'usage' | 'verbUnsaid'>,
  words: readonly string[],
): SaidVerb | undefined {
  const [first, second = ''] = words;
  if (first === undefined) return { verb: command.verbUnsaid ?? '' };
  if (!verbsOf(command).includes(first)) return undefined;
  return secondVerbsOf(command, first).includes(second) ? { verb: first, second } : { verb: first };
}

/** Those of a form such as `token list [NAME] | revoke ID`. */
export function secondVerbsOf({ usage }: Pick<Command, 'usage'>, verb: string): string[] {
  return usage
    .filter((form) => form.startsWith(`${verb} `) && !form.startsWith(`${verb} | `))
    .flatMap((form) => form.slice(verb.length + 1).split(' | '))
    .flatMap((form) => /^[a-z][a-z-]*(?= |$)/.exec(form)?.[0] ?? []);
}

/** Whether what stands behind the name, in a form or in an example, is of that verb. */
export function isFormOf({ verbUnsaid = '' }: Command, { verb, second }: SaidVerb, form: string): boolean {
  const heads = VERBS.exec(form)?.[0].split(' | ') ?? [verbUnsaid];
  if (!heads.includes(verb)) return false;
  const behind = form.slice(verb.length + 1).split(' | ');
  return second === undefined || behind.some((one) => one === second || one.startsWith(`${second} `));
}

/** Whether the option means something there; where a second verb is left open, whether it does to one of them. */
export function isFitting({ goesWith }: CommandOption, { verb, second }: SaidVerb): boolean {
  return (
    goesWith?.some((one) => {
      const [first, then] = one.split(' ');
      return first === verb && (then === undefined || second === undefined || then === second);
    }) ?? true
  );
}

/** The same options, of which these verbs alone make something. */
export function goingWith<Options extends Readonly<Record<string, CommandOption>>>(
  verbs: readonly string[],
  options: Options,
): { readonly [Name in keyof Options]: CommandOption } {
  const rows = Object.entries(options).map(([name, option]) => [name, { ...option, goesWith: verbs }]);
  return Object.fromEntries(rows) as { readonly [Name in keyof Options]: CommandOption };
}

export function textOption(invocation: Invocation, name: string): string | undefined {
  const value = invocation.options[name];
  return typeof value === 'string' ? value : undefined;
}

export function hasOption(invocation: Invocation, name: string): boolean {
  return invocation.options[name] === true;
}

export const JSON_OPTION = { type: 'boolean', says: 'print JSON, for programs' } as const satisfies CommandOption;

export const PLACE_OPTIONS = {
  config: {
    type: 'string',
    short: 'c',
    value: 'FILE',
    says: 'the configuration file (default: sallyport.yaml in the data directory)',
  },
  data: {
    type: 'string',
    short: 'd',
    value: 'DIR',
    says: 'the data directory (default: $SALLYPORT_DATA, else ./data)',
  },
} as const satisfies Record<string, CommandOption>;
