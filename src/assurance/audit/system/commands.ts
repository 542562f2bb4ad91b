/** Where the outputs of commands come from: programs of this machine, a recording, or nowhere. */
import { execFile } from 'node:child_process';
import { z } from 'zod';
import { type Fact, known, unknown } from '../model/fact.ts';
import type { CommandOutput } from './audited-system.ts';
import type { RunCommand } from './directory-system.ts';

const OUTPUT_MAX_BYTES = 8 * 1024 * 1024;
const COMMAND_MAX_MS = 20_000;

/** Only the system's own folders: what an audit starts as root must not depend on the caller's PATH. */
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/nonexistent' };

export function commandLine(command: string, args: readonly string[]): string {
  return [command, ...args].join(' ');
}

/** Programs of this machine, each with a ceiling of time and output. */
export function machineCommands(signal: AbortSignal): RunCommand {
  return (command, args) =>
    new Promise<Fact<CommandOutput>>((resolve) => {
      const line = commandLine(command, args);
      const options = {
        env: ENVIRONMENT,
        cwd: '/',
        timeout: COMMAND_MAX_MS,
        killSignal: 'SIGKILL',
        maxBuffer: OUTPUT_MAX_BYTES,
        encoding: 'utf8',
        signal,
      } as const;
      const child = execFile(command, [...args], options, (error, stdout, stderr) => {
        if (error === null) return resolve(known({ exitCode: 0, stdout, stderr }, line));
        const { code, killed } = error as { code?: string | number; killed?: boolean };
        if (typeof code === 'number') return resolve(known({ exitCode: code, stdout, stderr }, line));
        resolve(failure(command, line, code, killed === true));
      });
      child.stdin?.end();
    });
}

function failure(command: string, line: string, code: string | undefined, isKilled: boolean): Fact<never> {
  switch (code) {
    case 'ENOENT':
      return unknown('tool-missing', `The program ${command} is not installed.`);
    case 'EACCES':
    case 'EPERM':
      return unknown('permission-denied', `This user may not run ${command}.`);
    case 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER':
      return unknown('too-large', `${line} printed more than ${OUTPUT_MAX_BYTES} bytes.`);
    case 'ABORT_ERR':
      return unknown('timed-out', `The deadline came before ${line} had ended.`);
    default:
      return isKilled
        ? unknown('timed-out', `${line} had not ended after ${COMMAND_MAX_MS / 1000} seconds.`)
        : unknown('command-failed', `${line} could not be run (${code ?? 'killed by a signal'}).`);
  }
}

/** An image does not run: its programs are not started, and this machine's would tell of this machine. */
export const noCommands: RunCommand = async (command) =>
  unknown('not-running', `Only the running system can tell: ${command} is not run for an image.`);

const recordingSchema = z.strictObject({
  commands: z.array(
    z.strictObject({
      /** The program and its arguments. */
      command: z.array(z.string()).min(1),
      exitCode: z.int().default(0),
      stdout: z.string().default(''),
      stderr: z.string().default(''),
    }),
  ),
});

export type RecordedCommand = z.input<typeof recordingSchema>['commands'][number];

/** Outputs that were recorded on the audited system; what was not recorded is as without a running system. @throws {Error} */
export function recordedCommands(recording: unknown): RunCommand {
  const read = recordingSchema.safeParse(recording);
  if (!read.success) throw new Error(z.prettifyError(read.error).replace(/\s+/g, ' ').replaceAll('✖ ', ''));
  const { commands } = read.data;
  const outputs = new Map(commands.map(({ command, ...output }) => [JSON.stringify(command), output]));
  return async (command, args) => {
    const output = outputs.get(JSON.stringify([command, ...args]));
    return output === undefined ? noCommands(command, args) : known(output, commandLine(command, args));
  };
}
