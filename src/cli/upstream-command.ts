/** `sallyport upstream`: what stands behind the running gateway, and which of it takes clients. */
import { type ControlRequest, inPath } from '../app/control/client.ts';
import type { SilentWorker } from '../app/silent-workers.ts';
import { printable } from '../base/printable.ts';
import type { TargetStatus } from '../transports/upstream/target-status.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS, UsageError } from './command.ts';
import { askRunning } from './gateway-question.ts';
import { tellSilent } from './silent-text.ts';
import { verbOf } from './subcommand.ts';
import { prose, table } from './table.ts';
import { print, printJson } from './terminal.ts';

const VERBS = { list: 'list', drain: 'drain', eject: 'eject', return: 'return' } as const;

export const upstreamCommand: Command = {
  name: 'upstream',
  usage: ['list [--json]', 'drain UPSTREAM TARGET', 'eject UPSTREAM TARGET', 'return UPSTREAM TARGET'],
  wordsMax: 3,
  description:
    'Shows the brokers behind the running gateway, and takes one out of service for maintenance. `drain` sends it nobody new and leaves those it has; `eject` also ends their connections, so that they come back elsewhere; `return` puts it into service again, with a share that grows. What is said here lasts until the gateway ends. TARGET is the URL as `list` shows it.',
  options: { ...PLACE_OPTIONS, json: JSON_OPTION },
  examples: [
    ['sallyport upstream list', 'Every target, its state and its connections'],
    ['sallyport upstream drain site mqtts://a.example.org:8883', 'Before a restart of that broker'],
    ['sallyport upstream return site mqtts://a.example.org:8883', 'Afterwards'],
  ],
  exitCodes: [
    [0, 'done'],
    [2, 'there is no such upstream or target'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const [said, ...words] = invocation.words;
    const verb = verbOf('upstream', VERBS, said);
    if (verb === 'list' ? words.length > 0 : words.length !== 2) {
      throw new UsageError(
        verb === 'list' ? '`list` takes no more words.' : `Name both: \`upstream ${verb} UPSTREAM TARGET\`.`,
      );
    }
    const asked = await askRunning(invocation, requestOf(verb, words));
    if ('code' in asked) return asked.code;
    const { targets: result = null, silentWorkers } = asked.result as Answer;
    if (hasOption(invocation, 'json')) printJson({ ok: true, result });
    else if (result !== null) print(targetTable(result));
    else print('Done.');
    tellSilent(silentWorkers, verb === 'list' ? 'their connections are missing here' : 'they do so when they go on');
    return ExitCode.Ok;
  },
};

interface Answer {
  /** Of a list. */
  readonly targets?: readonly TargetStatus[];
  readonly silentWorkers: readonly SilentWorker[];
}

function requestOf(verb: string, [upstream = '', target = '']: readonly string[]): ControlRequest {
  if (verb === 'list') return { method: 'GET', path: '/v1/upstreams' };
  return { method: 'POST', path: `/v1/upstreams/${inPath(upstream)}/${verb}`, body: { target } };
}

function targetTable(targets: readonly TargetStatus[]): string {
  if (targets.length === 0) return 'All clients are served by the embedded broker.';
  const rows = targets.map(({ upstream, target, state, connections, mqtt5, says }) => [
    upstream,
    printable(target),
    state,
    String(connections),
    mqtt5 === undefined ? '?' : mqtt5 ? '5' : '3.1.1',
    // A broker's own words may be in it.
    state === 'up' ? '' : printable(says),
  ]);
  return table(['upstream', 'target', 'state', 'connections', 'MQTT', prose('')], rows);
}
