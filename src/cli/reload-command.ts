/** `sallyport reload`: asks the running gateway to read its configuration anew. */

import type { ReloadOutcome } from '../app/gateway.ts';
import { type SilentWorker, workersNamed } from '../app/silent-workers.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS } from './command.ts';
import { absence, askGatewayOf } from './gateway-question.ts';
import { print, printError, printJson, styled } from './terminal.ts';

export const reloadCommand: Command = {
  name: 'reload',
  usage: ['[--config FILE | --data DIR] [--json]'],
  wordsMax: 0,
  description:
    'Lets the running gateway read configuration, users, ACL and certificates anew. All of it is checked first and takes effect at once; if anything is wrong the old settings stay and the error is printed here. Open connections are re-checked, not dropped. SIGHUP does the same without an answer.',
  options: { ...PLACE_OPTIONS, json: JSON_OPTION },
  examples: [
    ['sallyport reload', 'After a change in ./data'],
    ['sallyport reload --config /etc/sallyport/sallyport.yaml', 'A gateway that was started with --config'],
  ],
  exitCodes: [
    [0, 'the new configuration is in force'],
    [1, 'it is in force but for a worker that does not answer, and is named'],
    [2, 'the new configuration is wrong; the old one stays'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const asked = await askGatewayOf(invocation, { method: 'POST', path: '/v1/reload' }, 'Reloading');
    const wantsJson = hasOption(invocation, 'json');
    if (asked.kind === 'not running') {
      const says = await absence(invocation);
      if (wantsJson) printJson({ ok: false, says });
      else printError(says);
      return ExitCode.NotRunning;
    }
    const outcome: ReloadOutcome =
      asked.kind === 'answered' ? (asked.result as ReloadOutcome) : { ok: false, says: asked.says };
    if (wantsJson) printJson(outcome);
    else if (!outcome.ok)
      printError(`${styled('red', 'Refused', process.stderr)}; the old configuration stays in force.\n${outcome.says}`);
    else print(describe(outcome));
    if (!outcome.ok) return ExitCode.Usage;
    const silent = outcome.silentWorkers ?? [];
    if (silent.length === 0) return ExitCode.Ok;
    if (!wantsJson) printError(stuckInWords(silent));
    return ExitCode.Negative;
  },
};

function stuckInWords(silent: readonly SilentWorker[]): string {
  const pids = silent.map(({ pid }) => pid).join(' ');
  return `Not everywhere: no answer came from ${workersNamed(silent)}, which has the old settings until it goes on. \`kill -KILL ${pids}\` has it started anew, with the new ones.`;
}

function describe({ generation, changed, restartNeeded }: Extract<ReloadOutcome, { ok: true }>): string {
  const what =
    changed.length === 0
      ? 'no setting changed; users, ACL and certificates are read anew'
      : `changed: ${changed.join(', ')}`;
  const lines = [`Reloaded (generation ${generation}): ${what}.`];
  if (restartNeeded.length > 0)
    lines.push(styled('yellow', `Takes effect after a restart: ${restartNeeded.join(', ')}.`));
  return lines.join('\n');
}
