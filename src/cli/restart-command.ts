/** `sallyport restart`: replaces the workers of the running gateway, one after another. */
import { type SilentWorker, workersNamed } from '../app/silent-workers.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS } from './command.ts';
import { askRunning } from './gateway-question.ts';
import { print, printJson } from './terminal.ts';

/** Each worker takes its time to start and to leave, and there may be many. */
const RESTART_TIMEOUT_MS = 900_000;

export const restartCommand: Command = {
  name: 'restart',
  usage: ['[--config FILE | --data DIR] [--json]'],
  wordsMax: 0,
  description:
    'Replaces the workers of the running gateway one after another by new ones, which run the code that is installed now. A new worker serves before the old one closes its listeners, so no connection is refused; the clients of the old one are told to come back (MQTT 5) or find their connection closed. One that is stuck is ended, and named. Needs `workers` above 1. The supervising process, and the embedded broker with it, change their code only with a start of their own.',
  options: { ...PLACE_OPTIONS, json: JSON_OPTION },
  examples: [['sallyport restart', 'After a new version was installed']],
  exitCodes: [
    [0, 'every worker is a new one'],
    [2, 'there are no workers, or a new one could not start; the old one stays'],
    [3, 'no gateway is running there'],
  ],
  async run(invocation) {
    const request = { method: 'POST', path: '/v1/restart', answerTimeoutMs: RESTART_TIMEOUT_MS } as const;
    const asked = await askRunning(invocation, request, 'Replacing the workers');
    if ('code' in asked) return asked.code;
    const { ended } = asked.result as { ended: SilentWorker[] };
    if (hasOption(invocation, 'json')) printJson({ ok: true, result: { ended } });
    else {
      print('Every worker is a new one.');
      if (ended.length > 0)
        print(`Stuck, or too slow to leave, and ended without a farewell to its clients: ${workersNamed(ended)}.`);
    }
    return ExitCode.Ok;
  },
};
