/** The program's entry. */
import { ExitCode } from './command.ts';
import { runCommandLine } from './run-command-line.ts';

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(ExitCode.Ok);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2));
