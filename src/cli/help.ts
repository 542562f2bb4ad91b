/** The help pages, made from the commands' own tables. */
import { type Command, type CommandOption, isFitting, isFormOf, type SaidVerb, saidVerb } from './command.ts';
import { styled, terminalColumns } from './terminal.ts';
import { wrapped } from './wrapped.ts';

const COLUMN = 26;
const WIDTH = 100;

function wrap(text: string, margin: number): string {
  return wrapped(text, margin, Math.min(WIDTH, terminalColumns()));
}

function row(left: string, says: string): string {
  const head = `  ${left}`;
  const gap = head.length + 2 > COLUMN ? `\n${' '.repeat(COLUMN)}` : ' '.repeat(COLUMN - head.length);
  return `${head}${gap}${wrap(says, COLUMN)}`;
}

function optionRow(name: string, option: CommandOption, said: SaidVerb | undefined): string {
  const short = option.short === undefined ? '' : `-${option.short}, `;
  const value = option.type === 'string' ? ` ${option.value ?? 'VALUE'}` : '';
  // Of one verb, all that are shown fit.
  const verbs = said === undefined ? option.goesWith?.map((verb) => verb || 'no verb').join(', ') : undefined;
  return row(`${short}--${name}${value}`, verbs === undefined ? option.says : `${option.says} (${verbs})`);
}

function block(title: string, lines: readonly string[]): string {
  return `${styled('bold', title)}\n${lines.join('\n')}\n`;
}

/** Of the verb; of the first one where the second has none of its own. */
function examplesOf(command: Command, said: SaidVerb | undefined): Command['examples'] {
  const behind = `sallyport ${command.name} `.length;
  const fitting = command.examples.filter(
    ([line]) => said === undefined || isFormOf(command, said, line.slice(behind)),
  );
  return fitting.length > 0 || said?.second === undefined ? fitting : examplesOf(command, { verb: said.verb });
}

/** Of one verb where the words name one, with what fits it; else of the whole command. */
export function commandHelp(command: Command, words: readonly string[] = []): string {
  const said = words.length === 0 ? undefined : saidVerb(command, words);
  const usage = command.usage
    .filter((form) => said === undefined || isFormOf(command, said, form))
    .map((form) => `  sallyport ${command.name} ${form}`.trimEnd());
  const options = Object.entries({
    ...command.options,
    help: { type: 'boolean', short: 'h', says: 'show this' } as CommandOption,
  })
    .filter(([, option]) => said === undefined || isFitting(option, said))
    .map(([name, option]) => optionRow(name, option, said));
  const examples = examplesOf(command, said).map(([line, says]) => `  ${styled('dim', `# ${says}`)}\n  ${line}`);
  return [
    block('Usage', usage),
    `${wrap(command.description, 0)}\n`,
    block('Options', options),
    ...(examples.length === 0 ? [] : [block('Examples', examples)]),
    block(
      'Exit codes',
      command.exitCodes.map(([code, says]) => row(String(code), says)),
    ),
  ].join('\n');
}

export function programHelp(commands: readonly { name: string; summary: string }[], version: string): string {
  return [
    `Sallyport ${version}: a security gateway for MQTT.\n`,
    block('Usage', ['  sallyport COMMAND [options]']),
    block('Commands', [
      ...commands.map((command) => row(command.name, command.summary)),
      row('help [COMMAND]', 'show this, or the help of a command'),
    ]),
    block('Examples', [
      `  ${styled('dim', '# A secure endpoint out of nothing, in ./data')}\n  sallyport start`,
      `  ${styled('dim', '# Everything about one command')}\n  sallyport passwd --help`,
    ]),
    block('Exit codes', [
      row('0', 'done'),
      row('1', 'the answer is no: a password does not match, a user does not exist'),
      row('2', 'the command line, the configuration or a file it names has to be mended'),
      row('3', 'no gateway is running there'),
      row('70', 'a bug in Sallyport itself'),
      row('141', 'whoever read the output has stopped reading, and the answer is not known'),
    ]),
  ].join('\n');
}
