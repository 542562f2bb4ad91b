/** `sallyport passwd`: the users of the password file. */
import { readFile, realpath } from 'node:fs/promises';
import { loadConfig } from '../app/config/load.ts';
import { OperatorError } from '../app/config/problem.ts';
import { createFile, replaceFile } from '../app/init/durable-file.ts';
import { readableToken, systemChance } from '../base/chance.ts';
import { nearestWord } from '../base/nearest-word.ts';
import { describeUsernameFault, parsePasswordFile, withoutUser, withUser } from '../policy/identity/password-file.ts';
import { hashPassword } from '../policy/identity/password-hash.ts';
import {
  type Command,
  ExitCode,
  hasOption,
  type Invocation,
  JSON_OPTION,
  PLACE_OPTIONS,
  textOption,
  UsageError,
} from './command.ts';
import { placeOf } from './place.ts';
import { askSecret, print, printError, printJson, readSecretFromStdin } from './terminal.ts';

const GENERATED_LENGTH = 20;
const FILE_MODE = 0o600;

const ACTIONS: Readonly<Record<string, (invocation: Invocation, file: string) => Promise<number>>> = {
  add,
  delete: remove,
  verify,
  list,
};

export const passwdCommand: Command = {
  name: 'passwd',
  usage: ['add NAME [--stdin | --generate]', 'delete NAME', 'verify NAME [--stdin]', 'list [--json]'],
  wordsMax: 2,
  description:
    "Changes the password file, in Mosquitto's format; new passwords are stored as argon2id. A password is asked for on the terminal without an echo, or read from standard input; it is never an argument, where other users of the machine could see it. `sallyport reload` puts a change in force.",
  options: {
    stdin: { type: 'boolean', says: 'read the password from the first line of standard input' },
    generate: { type: 'boolean', short: 'g', says: 'make up a password and print it (add)' },
    file: { type: 'string', short: 'f', value: 'FILE', says: "the password file (default: the configuration's)" },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport passwd add pump-7', 'A new user, or a new password for one; asks for it twice'],
    ['sallyport passwd add pump-7 --generate', 'With a password that nobody has to think of'],
    ['sallyport passwd verify pump-7 --stdin < secret.txt', 'Does this password match?'],
    ['sallyport passwd list --json', 'Who may log in, for programs'],
  ],
  exitCodes: [
    [0, 'done; the password matches'],
    [1, 'the password does not match, or the user does not exist'],
    [2, 'the command line or the password file has to be mended'],
  ],
  async run(invocation) {
    const [word] = invocation.words;
    const names = Object.keys(ACTIONS).join(', ');
    if (word === undefined) throw new UsageError(`Say what to do: passwd ${names}.`);
    const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
    if (action === undefined) {
      const meant = nearestWord(word, Object.keys(ACTIONS));
      throw new UsageError(
        `"passwd ${word}" is unknown. ${meant === undefined ? `There are: ${names}.` : `Did you mean passwd ${meant}?`}`,
      );
    }
    return action(invocation, await passwordFile(invocation));
  },
};

async function passwordFile(invocation: Invocation): Promise<string> {
  const named = textOption(invocation, 'file');
  if (named === undefined) return (await loadConfig(placeOf(invocation).configFile)).config.authentication.passwordFile;
  if (textOption(invocation, 'config') !== undefined || textOption(invocation, 'data') !== undefined) {
    throw new UsageError('Give --file, or the configuration that names it, not both.');
  }
  return named;
}

function username(invocation: Invocation): string {
  const name = invocation.words[1];
  if (name === undefined) throw new UsageError(`Name the user: passwd ${invocation.words[0]} NAME.`);
  const fault = describeUsernameFault(name);
  if (fault !== undefined) throw new UsageError(fault);
  return name;
}

/** Undefined where there is no such file. */
async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new OperatorError(`The password file ${file} cannot be read: ${message}.`);
  }
}

async function readExisting(file: string): Promise<string> {
  const text = await read(file);
  if (text === undefined)
    throw new OperatorError(`There is no password file ${file}; \`sallyport passwd add NAME\` makes it.`);
  return text;
}

async function write(file: string, text: string, isNew: boolean): Promise<void> {
  try {
    if (!isNew) await replaceFile(await realpath(file), text);
    else if (!(await createFile(file, text, FILE_MODE)))
      throw new OperatorError(`${file} has just been made by somebody else; try again.`);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The password file ${file} cannot be written: ${(error as Error).message}.`);
  }
}

async function add(invocation: Invocation, file: string): Promise<number> {
  const name = username(invocation);
  const isGenerated = hasOption(invocation, 'generate');
  if (isGenerated && hasOption(invocation, 'stdin')) throw new UsageError('Give --stdin or --generate, not both.');
  const password = isGenerated ? readableToken(systemChance, GENERATED_LENGTH) : await newSecret(invocation, name);
  const hash = await hashPassword(Buffer.from(password), systemChance);
  const before = await read(file);
  const after = withUser(before ?? '', name, hash);
  await write(file, after, before === undefined);
  const isChange = before !== undefined && withoutUser(before, name) !== undefined;
  if (hasOption(invocation, 'json')) {
    printJson({ username: name, file, action: isChange ? 'changed' : 'added', ...(isGenerated ? { password } : {}) });
    return ExitCode.Ok;
  }
  print(`${isChange ? 'Changed the password of' : 'Added'} ${name} in ${file}.`);
  if (isGenerated) print(`Its password, shown only now: ${password}`);
  print('A running gateway takes it up with: npx sallyport reload');
  return ExitCode.Ok;
}

async function newSecret(invocation: Invocation, name: string): Promise<string> {
  if (hasOption(invocation, 'stdin')) return readSecretFromStdin();
  const password = await askSecret(`Password for ${name}: `);
  if ((await askSecret('Once more: ')) !== password)
    throw new UsageError('The two passwords differ. Nothing was changed.');
  return password;
}

async function remove(invocation: Invocation, file: string): Promise<number> {
  const name = username(invocation);
  const after = withoutUser(await readExisting(file), name);
  if (after !== undefined) await write(file, after, false);
  const isDeleted = after !== undefined;
  if (hasOption(invocation, 'json')) printJson({ username: name, file, deleted: isDeleted });
  else if (isDeleted) print(`Deleted ${name} from ${file}. A reload ends its live connections: npx sallyport reload`);
  else printError(`There is no user ${name} in ${file}.`);
  return isDeleted ? ExitCode.Ok : ExitCode.Negative;
}

async function verify(invocation: Invocation, file: string): Promise<number> {
  const name = username(invocation);
  const { users } = parsePasswordFile(await readExisting(file), file);
  const user = users.get(name);
  const password = hasOption(invocation, 'stdin')
    ? await readSecretFromStdin()
    : await askSecret(`Password for ${name}: `);
  const matches = user !== undefined && (await user.hash.verify(Buffer.from(password)));
  if (hasOption(invocation, 'json')) printJson({ username: name, file, exists: user !== undefined, matches });
  else if (matches) print(`The password of ${name} matches.`);
  else
    printError(user === undefined ? `There is no user ${name} in ${file}.` : `The password of ${name} does not match.`);
  return matches ? ExitCode.Ok : ExitCode.Negative;
}

async function list(invocation: Invocation, file: string): Promise<number> {
  if (invocation.words.length > 1) throw new UsageError('passwd list takes no name.');
  const { users } = parsePasswordFile(await readExisting(file), file);
  const all = [...users.values()].map(({ username: name, line, hash }) => ({
    username: name,
    line,
    scheme: hash.cost,
  }));
  if (hasOption(invocation, 'json')) printJson({ file, users: all });
  else for (const user of all) print(`${user.username}  ${user.scheme}`);
  return ExitCode.Ok;
}
