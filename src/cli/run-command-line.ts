/** Finds the command of a command line, runs it, and turns what went wrong into one readable answer and an exit code. */

import { AssertionError } from 'node:assert';
import { VERSION } from '../app/version.ts';
import { FileFaultError } from '../base/file-fault.ts';
import { printableLines } from '../base/printable.ts';
import { parseInvocation } from './arguments.ts';
import { ExitCode } from './command.ts';
import { findCommand, listed } from './commands.ts';
import { commandHelp, programHelp } from './help.ts';
import { print, printError, styled } from './terminal.ts';

/** Errors that only a mistake of ours can raise. */
const OUR_BUGS = [TypeError, RangeError, ReferenceError, SyntaxError, AssertionError];

/** Gives the exit code, and never rejects. */
export function runCommandLine(args: readonly string[]): Promise<number> {
  return run(args).catch(report);
}

async function run(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      printError(programHelp(listed, VERSION));
      return ExitCode.Usage;
    case 'help':
    case '--help':
    case '-h':
      print(
        rest[0] === undefined ? programHelp(listed, VERSION) : commandHelp(await findCommand(rest[0]), rest.slice(1)),
      );
      return ExitCode.Ok;
    case '--version':
    case '-V':
      return (await findCommand('version')).run({ options: {}, words: [] });
  }
  const command = await findCommand(first);
  const invocation = parseInvocation(command, rest);
  if (invocation.options['help'] === true) {
    print(commandHelp(command, invocation.words));
    return ExitCode.Ok;
  }
  return command.run(invocation);
}

function report(error: unknown): number {
  const isOurBug = !(error instanceof Error) || OUR_BUGS.some((kind) => error instanceof kind);
  if (isOurBug) {
    printError('This is a bug in Sallyport; please report it with these lines:');
    printError(printableLines(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    return ExitCode.Bug;
  }
  const title = styled('red', 'sallyport:', process.stderr);
  // What a file or a peer says may be in it.
  const says = printableLines(error.message);
  // Lines that begin with a place are for editors to jump to, and stand by themselves.
  printError(error instanceof FileFaultError || error.name === 'ConfigError' ? says : `${title} ${says}`);
  return ExitCode.Usage;
}
