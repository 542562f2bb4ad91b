/** `sallyport firewall`: the packet filter in front of the gateway, printed, loaded, compared and taken back. */
import { loadConfig } from '../app/config/load.ts';
import { applyRuleset, confirmRuleset, revertRuleset, verifyRuleset } from '../app/firewall/installation.ts';
import { runNft } from '../app/firewall/nft.ts';
import { startRevertWatch } from '../app/firewall/revert-watch.ts';
import { rulesetOf, TABLE, withoutTable } from '../app/firewall/ruleset.ts';
import { systemChance } from '../base/chance.ts';
import { parseDurationMs } from '../base/duration.ts';
import {
  type Command,
  ExitCode,
  hasOption,
  type Invocation,
  JSON_OPTION,
  PLACE_OPTIONS,
  textOption,
  UsageError,
} from './command.ts';
import { placeOf } from './place.ts';
import { verbOf } from './subcommand.ts';
import { print, printError, printJson, styled } from './terminal.ts';

const CONFIRM_WITHIN = '60s';
const CONFIRM_MIN_MS = 1000;
const CONFIRM_MAX_MS = 60 * 60 * 1000;

const VERBS: Readonly<Record<string, (invocation: Invocation) => Promise<number>>> = {
  print: printRuleset,
  apply,
  verify,
  confirm,
  revert,
};

export const firewallCommand: Command = {
  name: 'firewall',
  usage: ['print', 'apply [--confirm-within DURATION | --confirmed]', 'confirm', 'revert', 'verify [--json]'],
  wordsMax: 1,
  description:
    'Guards the MQTT ports with nftables, in a table of its own (inet sallyport): source ranges, new connections a second of each source, bans, and with firewall.defaultDrop nothing else but what keeps a machine reachable. `print` changes nothing. `apply` checks the ruleset, loads it in one transaction, and takes it back by itself unless `confirm` is run in time, even where this command, its shell or its connection are gone by then. `revert` takes it back at once; where nothing waits to be confirmed, it removes the table. `verify` says what is loaded otherwise than the configuration has it. All but `print` want root or CAP_NET_ADMIN.',
  options: {
    // Of every verb: whoever is about to be shut out types `revert` behind what they typed before.
    ...PLACE_OPTIONS,
    'confirm-within': {
      type: 'string',
      goesWith: ['apply'],
      value: 'DURATION',
      says: `how long \`apply\` waits for \`confirm\` (default: ${CONFIRM_WITHIN})`,
    },
    confirmed: { type: 'boolean', goesWith: ['apply'], says: 'apply for good, such as at boot' },
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport firewall print', 'What would be loaded'],
    ['sallyport firewall apply --data /var/lib/sallyport', 'For a minute, to see whether you are still in'],
    ['sallyport firewall confirm', 'You are: keep it'],
    ['sallyport firewall verify --data /var/lib/sallyport', 'Has anybody changed it since?'],
  ],
  exitCodes: [
    [0, 'done; for `verify`: it is loaded as configured'],
    [1, 'for `verify`: it differs; for `confirm` and `revert`: there was nothing to do'],
    [2, 'the command line, the configuration or the machine has to be mended; nothing was changed'],
  ],
  async run(invocation) {
    return verbOf('firewall', VERBS, invocation.words[0])(invocation);
  },
};

async function configOf(invocation: Invocation) {
  return (await loadConfig(placeOf(invocation).configFile)).config;
}

function answer(invocation: Invocation, result: object, says: string, code: number = ExitCode.Ok): number {
  if (hasOption(invocation, 'json')) printJson({ ok: code === ExitCode.Ok, ...result, says });
  else print(says);
  return code;
}

async function printRuleset(invocation: Invocation): Promise<number> {
  const text = `${withoutTable(TABLE)}${rulesetOf(await configOf(invocation))}`;
  if (hasOption(invocation, 'json')) printJson({ ok: true, ruleset: text });
  else print(text.trimEnd());
  return ExitCode.Ok;
}

function confirmWithinMs(invocation: Invocation): number | undefined {
  const given = textOption(invocation, 'confirm-within');
  if (hasOption(invocation, 'confirmed')) {
    if (given !== undefined) throw new UsageError('Give --confirm-within or --confirmed, not both.');
    return undefined;
  }
  const durationMs = parseDurationMs(given ?? CONFIRM_WITHIN);
  if (durationMs === undefined || durationMs < CONFIRM_MIN_MS || durationMs > CONFIRM_MAX_MS) {
    throw new UsageError(`--confirm-within ${given} is not allowed: give a duration from 1s to 1h.`);
  }
  return durationMs;
}

/** Port of the server in what sshd tells the session: client, its port, server, its port. */
function loginPort(): number | undefined {
  const port = Number(process.env['SSH_CONNECTION']?.split(' ')[3]);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

async function apply(invocation: Invocation): Promise<number> {
  const delayMs = confirmWithinMs(invocation);
  const config = await configOf(invocation);
  const { defaultDrop, openPorts } = config.firewall;
  const port = loginPort();
  if (defaultDrop && port !== undefined && !openPorts.includes(port)) {
    throw new UsageError(
      `You are logged in through port ${port}, which would be closed: add it to firewall.openPorts.`,
    );
  }
  const watch = delayMs === undefined ? undefined : () => startRevertWatch(delayMs, systemChance);
  await applyRuleset({ run: runNft, config, ...(watch === undefined ? {} : { watch }) });
  if (!config.firewall.enabled) {
    printError(
      `${styled('yellow', 'note:', process.stderr)} firewall.enabled is false, so the gateway puts no bans there.`,
    );
  }
  if (delayMs === undefined) return answer(invocation, { isConfirmed: true }, 'The ruleset is loaded.');
  const says = `The ruleset is loaded, and is taken back in ${delayMs / 1000} s unless you run \`sallyport firewall confirm\`. Open a second connection first, to see that you can.`;
  return answer(invocation, { isConfirmed: false, confirmWithinMs: delayMs }, says);
}

async function confirm(invocation: Invocation): Promise<number> {
  const isDone = await confirmRuleset(runNft);
  if (isDone) return answer(invocation, {}, 'The ruleset stays.');
  return answer(invocation, {}, 'Nothing waits to be confirmed.', ExitCode.Negative);
}

async function revert(invocation: Invocation): Promise<number> {
  const outcome = await revertRuleset(runNft);
  const says = {
    restored: 'The ruleset from before is in force again.',
    removed: 'The table inet sallyport is removed.',
    nothing: 'Nothing of ours is loaded.',
  };
  return answer(invocation, { outcome }, says[outcome], outcome === 'nothing' ? ExitCode.Negative : ExitCode.Ok);
}

async function verify(invocation: Invocation): Promise<number> {
  const drift = await verifyRuleset(runNft, await configOf(invocation));
  const { isLoaded, isWaiting, missing, surplus } = drift;
  const isSame = isLoaded && missing.length === 0 && surplus.length === 0;
  const code = isSame ? ExitCode.Ok : ExitCode.Negative;
  if (hasOption(invocation, 'json')) {
    printJson({ ok: isSame, result: drift });
    return code;
  }
  if (isWaiting) print('An apply waits to be confirmed.');
  if (!isLoaded) print('The ruleset is not loaded: run `sallyport firewall apply`.');
  else if (isSame) print('What is loaded is as the configuration has it.');
  else {
    print('What is loaded differs from the configuration (- is missing, + is too much):');
    for (const line of missing) print(styled('red', `- ${line}`));
    for (const line of surplus) print(styled('green', `+ ${line}`));
  }
  return code;
}
