/** `sallyport harden`: the hardened counterpart of what is found, to standard output or a file; nothing that is in force is changed. */
import { OperatorError } from '../app/config/problem.ts';
import { createFile } from '../app/init/durable-file.ts';
import { mosquittoConfig } from '../assurance/audit/fix/plan-unit.ts';
import { hardenedMosquitto } from '../assurance/audit/harden/mosquitto-config.ts';
import { hardenedNftables } from '../assurance/audit/harden/nft-ruleset.ts';
import { hardenedSshd } from '../assurance/audit/harden/sshd-drop-in.ts';
import { unitDropIn } from '../assurance/audit/harden/unit-drop-in.ts';
import { collectBrokerUnits } from '../assurance/audit/host/units.ts';
import { type Fact, known } from '../assurance/audit/model/fact.ts';
import type { AuditContext } from '../assurance/audit/model/subject.ts';
import { adminNetworks } from './audit/admin-networks.ts';
import { withContext } from './audit/audit-run.ts';
import { AUDIT_OPTIONS } from './audit/options.ts';
import { type Command, ExitCode, goingWith, type Invocation, textOption, UsageError } from './command.ts';
import { verbOf } from './subcommand.ts';
import { print, printError } from './terminal.ts';

const ACTIONS: Readonly<Record<string, (context: AuditContext, invocation: Invocation) => Promise<Fact<string>>>> = {
  mosquitto: (context) => hardenedMosquitto(context),
  systemd: hardenedUnit,
  sshd: (context) => hardenedSshd(context),
  nftables: (context, invocation) => hardenedNftables(context, { admins: adminNetworks(invocation) }),
};

export const hardenCommand: Command = {
  name: 'harden',
  usage: ['mosquitto [options]', 'systemd [UNIT] [options]', 'sshd [options]', 'nftables [--admin NETWORK] [options]'],
  wordsMax: 2,
  description:
    'Writes the hardened counterpart of what it finds, for you to look at and put in place. Nothing that is in force is changed; `sallyport audit fix apply` does that, with a way back.',
  options: {
    out: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      says: 'write it there, where no file is yet (default: standard output)',
    },
    admin: {
      type: 'string',
      goesWith: ['nftables'],
      value: 'NETWORK',
      multiple: true,
      says: 'where administrators come from, such as 192.0.2.0/24 (any number; default: SSH for everybody)',
    },
    ...goingWith(Object.keys(ACTIONS), {
      file: AUDIT_OPTIONS.file,
      root: AUDIT_OPTIONS.root,
      recorded: AUDIT_OPTIONS.recorded,
      timeout: AUDIT_OPTIONS.timeout,
    }),
  },
  examples: [
    [
      'sallyport harden mosquitto -o hardened.conf',
      'The whole configuration in one file, with what is left to you on top',
    ],
    ['sallyport harden systemd mosquitto.service', 'A drop-in that sandboxes the broker'],
    ['sallyport harden nftables --admin 192.0.2.0/24', 'A ruleset made of what listens now'],
  ],
  exitCodes: [
    [ExitCode.Ok, 'it was written'],
    [ExitCode.Usage, 'there is nothing to harden, or it cannot be read'],
  ],
  run: (invocation) =>
    withContext(invocation, async (context) => {
      const [what, extra] = invocation.words;
      const action = verbOf('harden', ACTIONS, what);
      if (extra !== undefined && what !== 'systemd')
        throw new UsageError(`"${extra}" is one word too many for harden ${what}.`);
      const text = await action(context, invocation);
      if (text.state === 'unknown') throw new OperatorError(text.says);
      if (text.state === 'absent')
        throw new OperatorError(`There is nothing to harden: ${text.source.from} is not there.`);
      // A configuration has its secrets in it; a drop-in and a ruleset have none.
      await write(textOption(invocation, 'out'), text.value, what === 'mosquitto' ? 0o600 : 0o644);
      return ExitCode.Ok;
    }),
};

async function write(out: string | undefined, text: string, mode: number): Promise<void> {
  if (out === undefined) return print(text.trimEnd());
  let isMade: boolean;
  try {
    isMade = await createFile(out, text, mode);
  } catch (error) {
    throw new OperatorError(`${out} cannot be written: ${(error as Error).message}.`);
  }
  if (!isMade) throw new OperatorError(`${out} is there already, and is left as it is.`);
  printError(`${out} is written.`);
}

async function hardenedUnit(context: AuditContext, { words }: Invocation): Promise<Fact<string>> {
  const units = await collectBrokerUnits(context.system);
  if (units.state !== 'known') return units;
  const [, wanted] = words;
  const names = units.value.map(({ name }) => name);
  if (wanted === undefined && names.length !== 1)
    throw new OperatorError(
      names.length === 0 ? 'No broker has a unit of systemd here.' : `Name one of the units: ${names.join(', ')}.`,
    );
  const unit = units.value.find(({ name }) => wanted === undefined || name === wanted || name === `${wanted}.service`);
  if (unit === undefined)
    throw new OperatorError(`No broker has the unit ${wanted}. There are: ${names.join(', ') || 'none'}.`);
  const config = unit.broker === 'mosquitto' ? await mosquittoConfig(context) : undefined;
  const text = unitDropIn(unit, { hasSandbox: true, openFiles: 65_536, ...(config === undefined ? {} : { config }) });
  return known(`# For /etc/systemd/system/${unit.name}.d/90-sallyport.conf\n${text}`, unit.file);
}
