/** Asks the program that reads a file whether it can. */
import { readDirectives } from '../brokers/mosquitto/directives.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import type { FixStep } from './fix-step.ts';
import { mosquittoTrial } from './mosquitto-trial.ts';

/** Undefined where it can read it; else why not. Of an image no program is asked: the audit reads it once more. */
export async function validate(step: FixStep, system: AuditedSystem): Promise<string | undefined> {
  if (!system.isLive) return undefined;
  switch (step.validator) {
    case 'sshd':
      return refusalOf(system, 'sshd', ['-t', '-f', step.validated!]);
    case 'systemd':
      // What is not of the unit itself, such as a program that is missing, is no fault of the drop-in.
      return unitRefusal(system, step);
    case 'mosquitto': {
      const directives = await readDirectives(system, step.validated!);
      if (directives.state !== 'known')
        return directives.state === 'unknown' ? directives.says : `${step.validated} is not there.`;
      return mosquittoTrial(directives.value);
    }
    case 'nft':
      return refusalOf(system, 'nft', ['-c', '-f', step.validated!]);
    case 'none':
      return undefined;
  }
}

async function refusalOf(system: AuditedSystem, command: string, args: readonly string[]): Promise<string | undefined> {
  const told = await system.run(command, args);
  if (told.state !== 'known') return told.state === 'unknown' ? told.says : `${command} is not there.`;
  const { exitCode, stderr, stdout } = told.value;
  return exitCode === 0 ? undefined : `${command} refuses it: ${(stderr || stdout).trim().slice(0, 500)}`;
}

async function unitRefusal(system: AuditedSystem, step: FixStep): Promise<string | undefined> {
  const told = await system.run('systemd-analyze', ['verify', '--man=no', step.validated!]);
  if (told.state !== 'known') return told.state === 'unknown' ? told.says : 'systemd-analyze is not there.';
  const paths = step.texts.map(({ path }) => path);
  const own = told.value.stderr.split('\n').filter((line) => paths.some((path) => line.startsWith(path)));
  return own.length === 0 ? undefined : `systemd-analyze objects: ${own.join(' | ').slice(0, 500)}`;
}
