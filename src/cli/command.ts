/** What every command is made of: the same table feeds the parser, the help and the suggestions. */

export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given more than once. */
  readonly multiple?: boolean;
  /** What stands for the value in the help, such as `FILE`. */
  readonly value?: string;
  /** The verbs that it means something to, of a command that has several; the empty one is none. Absent for all. */
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
