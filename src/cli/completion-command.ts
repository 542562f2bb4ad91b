/** `sallyport completion`: completes commands, their words and their options in a shell; made from the commands' own tables. */
import { type Command, ExitCode, UsageError } from './command.ts';
import { completionScript, isShell, SHELLS } from './completion-script.ts';
import { print } from './terminal.ts';

interface Listed {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** `listed` are all commands, this one among them. */
export const completionCommandOf = (listed: readonly Listed[]): Command => ({
  name: 'completion',
  usage: ['bash', 'zsh', 'fish'],
  wordsMax: 1,
  description:
    'Prints a script that completes the commands of Sallyport in a shell, with their words and options. It is made for this version: print it anew after an update, or let the shell do so at its start.',
  options: {},
  examples: [
    ['sallyport completion bash > /etc/bash_completion.d/sallyport', 'For every user of bash'],
    ['sallyport completion zsh > /usr/local/share/zsh/site-functions/_sallyport', 'For zsh'],
    ['sallyport completion fish > /etc/fish/completions/sallyport.fish', 'For fish'],
  ],
  exitCodes: [
    [0, 'printed'],
    [2, 'another shell than these'],
  ],
  async run({ words: [shell = ''] }) {
    if (!isShell(shell)) throw new UsageError(`Name a shell: ${SHELLS.join(', ')}.`);
    const commands = await Promise.all(
      listed.map(async ({ name, summary, load }) => ({ summary, command: { ...(await load()), name } })),
    );
    print(completionScript(shell, commands));
    return ExitCode.Ok;
  },
});
