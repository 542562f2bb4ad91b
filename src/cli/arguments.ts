/** The command line as a command and its options; what is misspelt gets a suggestion. */
import { parseArgs } from 'node:util';
import { nearestWord } from '../base/nearest-word.ts';
import { type Command, type Invocation, isFitting, saidVerb, UsageError } from './command.ts';

const HELP = { type: 'boolean', short: 'h' } as const;

function seeHelp(command: Command): string {
  return `\`sallyport ${command.name} --help\` lists them.`;
}

/** Every command takes `--help` too, which comes back as the option `help`. */
export function parseInvocation(command: Command, args: readonly string[]): Invocation {
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...command.options, help: HELP },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const options: Record<string, string | boolean | string[] | undefined> = {};
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === 'help') {
      options['help'] = true;
      continue;
    }
    const known = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined;
    if (known === undefined) {
      const meant = nearestWord(token.name, [...Object.keys(command.options), 'help']);
      const hint = meant === undefined ? seeHelp(command) : `Did you mean --${meant}?`;
      throw new UsageError(`The option ${token.rawName} is unknown. ${hint}`);
    }
    if (known.type === 'boolean') {
      if (token.value !== undefined) throw new UsageError(`The option --${token.name} takes no value.`);
      options[token.name] = true;
    } else if (token.value === undefined) {
      throw new UsageError(`The option --${token.name} needs a value: --${token.name} ${known.value ?? 'VALUE'}.`);
    } else if (known.multiple === true) {
      const before = options[token.name];
      options[token.name] = [...(Array.isArray(before) ? before : []), token.value];
    } else {
      if (options[token.name] !== undefined) throw new UsageError(`The option --${token.name} is given twice.`);
      options[token.name] = token.value;
    }
  }
  if (words.length > command.wordsMax && options['help'] !== true) {
    throw new UsageError(
      `"${words[command.wordsMax]}" is one word too many. \`sallyport ${command.name} --help\` shows the form.`,
    );
  }
  if (options['help'] !== true) demandFitting(command, options, words);
  return { options, words };
}

/** What would be ignored is said: whoever gave it relies on it. A verb that is unknown is for the command to name. */
function demandFitting(command: Command, options: Invocation['options'], words: readonly string[]): void {
  const said = saidVerb(command, words);
  if (said === undefined) return;
  for (const [name, option] of Object.entries(command.options)) {
    if (options[name] === undefined || isFitting(option, said)) continue;
    const where = quotedForm(command, said.second === undefined ? said.verb : `${said.verb} ${said.second}`);
    const forms = option.goesWith?.map((one) => quotedForm(command, one)) ?? [];
    throw new UsageError(`The option --${name} means nothing to ${where}: it goes with ${forms.join(', ')}.`);
  }
}

function quotedForm({ name }: Command, verb: string): string {
  return `\`${`${name} ${verb}`.trim()}\``;
}
