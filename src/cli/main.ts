/** The program's entry. */
import { ExitCode } from './command.ts';
import { runCommandLine } from './run-command-line.ts';

// A reader that has seen enough, such as `head`, is no error, and no answer either: an exit code that says all is well would let
// whatever stands behind a pipe pass a gate.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit(ExitCode.BrokenPipe);
  process.stderr.write(`sallyport: the output cannot be written: ${message}.\n`);
  process.exit(ExitCode.Usage);
});
// There is nowhere left to say it.
process.stderr.on('error', () => undefined);

process.exitCode = await runCommandLine(process.argv.slice(2));
