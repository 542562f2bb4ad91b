/** The `sallyport` commands that a page of the documentation shows, as words, to see that they are well-formed. */
import assert from 'node:assert/strict';
import { parseInvocation } from '../../src/cli/arguments.ts';
import { findCommand } from '../../src/cli/commands.ts';

/** Lines of the shell blocks of a page that call it. */
export function shownCommands(page: string): string[] {
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => line.trim().replace(/^npx /, ''))
    .filter((line) => /^sallyport( |$)/.test(line));
}

/** As a shell reads it, without expansions: none is wanted in an example. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:[^\s"'#>|&;]|"[^"]*"|'[^']*')+|[#>|&;].*/g)) {
    if (/^[#>|&;]/.test(word)) break;
    words.push(word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'));
  }
  return words;
}

/** @throws where the command, its verb, an option or its number of words is none of the program's. */
export async function assertIsCommand(line: string): Promise<void> {
  const [program, name = '', ...args] = shellWords(line);
  assert.equal(program, 'sallyport');
  const command = await findCommand(name);
  const { words } = parseInvocation(command, args);
  const verbs = command.usage.map((usage) => /^[a-z-]+/.exec(usage)?.[0]).filter((verb) => verb !== undefined);
  // What a verb of its own does not name may still be asked for.
  if (verbs.length === command.usage.length && verbs.length > 0) {
    assert.ok(verbs.includes(words[0] ?? ''), `${line}: there is no ${name} ${words[0]}`);
  }
}
