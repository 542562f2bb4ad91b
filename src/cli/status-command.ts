/** `sallyport status`: whether the gateway is well, and how much it does. */
import type { GatewayStatus } from '../app/status/gateway-status.ts';
import { printable } from '../base/printable.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS } from './command.ts';
import { type Field, fieldLines } from './fields.ts';
import { askRunning } from './gateway-question.ts';
import { durationText, rateText } from './quantities.ts';
import { print, printJson, styled } from './terminal.ts';

/** Workers have two seconds of it; whoever watches waits no minute to learn that the gateway is stuck. */
const ANSWER_TIMEOUT_MS = 10_000;

export const statusCommand: Command = {
  name: 'status',
  usage: ['[--json]'],
  wordsMax: 0,
  description:
    'Shows how the running gateway is: what it listens on, who is connected, what goes through, what was refused, who is banned, how the brokers behind are, and what is broken. The exit code says whether it is well, for a monitor or a script.',
  options: { ...PLACE_OPTIONS, json: JSON_OPTION },
  examples: [
    ['sallyport status', 'At a glance'],
    ['sallyport status --json', 'For programs'],
  ],
  exitCodes: [
    [0, 'it is well'],
    [1, 'it runs, but something is broken, a worker does not answer, a broker behind is down, or it is overloaded'],
    [2, 'it does not answer'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const asked = await askRunning(invocation, {
      method: 'GET',
      path: '/v1/status',
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
    });
    if ('code' in asked) return asked.code;
    const status = asked.result as GatewayStatus;
    if (hasOption(invocation, 'json')) printJson({ ok: true, result: status });
    else print(statusText(status));
    return status.isHealthy ? ExitCode.Ok : ExitCode.Negative;
  },
};

function statusText(status: GatewayStatus): string {
  const { version, pid, uptimeMs, isHealthy, listeners, clients, upstreams, troubles } = status;
  const verdict = isHealthy ? styled('green', 'is well') : styled('red', 'is not well');
  const rows: Field[] = [
    ['listeners', ...listeners.map(({ name, type, address, port }) => `${name} (${type}) ${hostPort(address, port)}`)],
    ['clients', String(clients)],
    ['in', rateText(status.messagesInPerSecond, status.bytesInPerSecond)],
    ['out', rateText(status.messagesOutPerSecond, status.bytesOutPerSecond)],
    ['refused', `${status.refusals} since the start`],
    ['bans', String(status.bans)],
    ['attacks', status.attacks === 0 ? 'none' : styled('red', `${status.attacks} going on`)],
    ['overload', status.overloadStage === 0 ? 'none' : styled('red', `stage ${status.overloadStage} of 3`)],
    [
      'upstreams',
      ...(upstreams.length === 0
        ? ['the embedded broker']
        : upstreams.map(({ upstream, target, state, connections, says }) => {
            const shown = state === 'up' ? state : styled('yellow', `${state} ${printable(says)}`.trim());
            return `${upstream} ${printable(target)}: ${shown}, ${connections} connected`;
          })),
    ],
    ['journal', status.journal === 'failing' ? styled('red', 'failing') : status.journal],
  ];
  const lines = fieldLines(rows, 10);
  const silent = status.silentWorkers.map(({ slot, pid: worker }) => {
    return `${styled('red', `worker ${slot}`)} (process ${worker}) does not answer; it is counted as it was`;
  });
  const broken = troubles.map(
    ({ what, since, says }) => `${styled('red', printable(what))} since ${since}: ${printable(says)}`,
  );
  return [
    `Sallyport ${version} ${verdict}, up for ${durationText(uptimeMs)} (process ${pid})`,
    ...lines,
    ...silent,
    ...broken,
  ].join('\n');
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
