/** What is particular to terminals: colours where they are wanted, and secrets asked without an echo. */
import { styleText } from 'node:util';
import { printableJson } from '../base/printable.ts';
import { UsageError } from './command.ts';

type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green';

/** Styled only where the stream is a terminal and the environment does not object (NO_COLOR). */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}

/** Without bound where nobody reads it on a terminal, or one that does not tell. */
export function terminalColumns(
  { isTTY, columns }: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'> = process.stdout,
): number {
  return isTTY && columns > 0 ? columns : Number.POSITIVE_INFINITY;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Names that clients have chosen are in it: what a terminal may act on is escaped, which a program reads as the same text. */
export function printJson(value: unknown): void {
  print(printableJson(JSON.stringify(value, null, 2)));
}

let isProgressShown = false;

/** Replaces the last such line; only where somebody watches. */
export function showProgress(text: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\u001b[K${text}`);
  isProgressShown = true;
}

export function endProgress(): void {
  if (isProgressShown) process.stderr.write('\r\u001b[K');
  isProgressShown = false;
}

/** As the specification allows for a password, which is binary data with a two-byte length. */
const SECRET_MAX_BYTES = 65_535;

/** The first line of standard input. */
export async function readSecretFromStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    lengthBytes += chunk.length;
    if (chunk.includes(0x0a) || lengthBytes > SECRET_MAX_BYTES) break;
  }
  const text = Buffer.concat(chunks).toString('utf8').split('\n', 1)[0]!;
  return checkSecret(text.endsWith('\r') ? text.slice(0, -1) : text);
}

function checkSecret(secret: string): string {
  if (secret === '') throw new UsageError('An empty password is no password.');
  if (Buffer.byteLength(secret) > SECRET_MAX_BYTES)
    throw new UsageError('MQTT carries passwords of at most 65535 bytes.');
  return secret;
}

/** Asks on the terminal; what is typed is not shown. */
export async function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) throw new UsageError('There is no terminal to ask for the password on: use --stdin.');
  // Before the question, at which somebody, or something, may type at once.
  stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding('utf8');
  stdin.resume();
  try {
    return checkSecret(await readHidden(stdin));
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

function readHidden(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const onData = (text: string): void => {
      for (const character of text) {
        const isEnd = character === '\r' || character === '\n';
        // Raw mode hands over what the terminal would act on: Ctrl-C and Ctrl-D, erase, Ctrl-U.
        const isGivenUp = character === '\x03' || character === '\x04';
        if (isEnd || isGivenUp) {
          stdin.off('data', onData);
          if (isEnd) resolve(typed.join(''));
          else reject(new UsageError('Nothing was changed.'));
          return;
        }
        if (character === '\x7f' || character === '\b') typed.pop();
        else if (character === '\x15') typed = [];
        else typed.push(character);
      }
    };
    stdin.on('data', onData);
  });
}
