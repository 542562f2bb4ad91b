/** `sallyport init`: makes the data directory without starting anything. */

import { loadConfig } from '../app/config/load.ts';
import { initialize } from '../app/init/initialize.ts';
import { firstSteps } from '../app/init/welcome.ts';
import { systemChance } from '../base/chance.ts';
import { systemClock } from '../base/clock.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION, PLACE_OPTIONS } from './command.ts';
import { placeOf } from './place.ts';
import { print, printJson } from './terminal.ts';

export const initCommand: Command = {
  name: 'init',
  usage: ['[--data DIR] [--name HOST]... [--json]'],
  wordsMax: 0,
  description:
    'Makes what is missing in the data directory and touches nothing that is there: a private CA, a server certificate for this machine, one device user with a password of its own, an ACL, and a commented sallyport.yaml. `sallyport start` does the same where there is no configuration yet.',
  options: {
    data: PLACE_OPTIONS.data,
    name: {
      type: 'string',
      short: 'n',
      multiple: true,
      value: 'HOST',
      says: 'a further host name or IP address under which clients reach this machine, for its certificate',
    },
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport init', 'In ./data'],
    ['sallyport init --data /var/lib/sallyport --name mqtt.example.org --name 192.0.2.5', 'For clients on the network'],
  ],
  exitCodes: [
    [0, 'all is there now'],
    [2, 'the directory cannot be made, or holds half of a pair of key and certificate'],
  ],
  async run(invocation) {
    const { directory } = placeOf(invocation);
    const names = (invocation.options['name'] ?? []) as readonly string[];
    const outcome = await initialize({ directory, names, clock: systemClock, chance: systemChance });
    if (hasOption(invocation, 'json')) {
      const { created, kept, user, operatorCode, layout } = outcome;
      printJson({
        config: layout.config,
        caCertificate: layout.caCertificate,
        created,
        kept,
        user: user ?? null,
        operatorCode: operatorCode?.code ?? null,
      });
      return ExitCode.Ok;
    }
    for (const file of outcome.created) print(`made  ${file}`);
    for (const file of outcome.kept) print(`kept  ${file}`);
    const { config } = await loadConfig(outcome.layout.config);
    print(`\n${firstSteps({ listeners: config.listeners, outcome, isRunning: false })}`);
    return ExitCode.Ok;
  },
};
