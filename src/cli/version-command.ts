/** `sallyport version`: what is installed. */
import { VERSION } from '../app/version.ts';
import { type Command, ExitCode, hasOption, JSON_OPTION } from './command.ts';
import { print, printJson } from './terminal.ts';

export const versionCommand: Command = {
  name: 'version',
  usage: ['[--json]'],
  wordsMax: 0,
  description: 'Shows the version of Sallyport and of what it runs on.',
  options: { json: JSON_OPTION },
  examples: [['sallyport version --json', 'For a bug report']],
  exitCodes: [[0, 'always']],
  async run(invocation) {
    const { node, openssl, sqlite } = process.versions;
    const platform = `${process.platform}-${process.arch}`;
    if (hasOption(invocation, 'json')) printJson({ sallyport: VERSION, node, openssl, sqlite, platform });
    else print(`sallyport ${VERSION} (node ${node}, openssl ${openssl}, ${platform})`);
    return ExitCode.Ok;
  },
};
