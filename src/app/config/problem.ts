/** What is wrong with a file that an operator wrote: always with the place, and with the cure. */

export interface ConfigProblem {
  /** As the operator named it. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** Key path such as `listeners[0].port`; empty where the file as a whole is meant. */
  readonly path: string;
  /** One sentence: what is wrong, and what to do. */
  readonly says: string;
}

export function formatProblem(problem: ConfigProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  return problem.path === '' ? `${place}: ${problem.says}` : `${place}: ${problem.path}: ${problem.says}`;
}

/** Something the operator has to put right. Its message is fit to print as it is; no stack trace is wanted. */
export class OperatorError extends Error {
  override readonly name: string = 'OperatorError';
}

/** A refused configuration, with all that is wrong with it at once. */
export class ConfigError extends OperatorError {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}
