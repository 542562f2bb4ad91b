/** `sallyport passwd`: the users of the password file. */
import { loadConfig } from '../app/config/load.ts';
import { OperatorError } from '../app/config/problem.ts';
import { readableToken, systemChance } from '../base/chance.ts';
import { describeUsernameFault, parsePasswordFile, withoutUser, withUser } from '../policy/identity/password-file.ts';
import { hashPassword } from '../policy/identity/password-hash.ts';
import { parseScramFile, withScramUser } from '../policy/identity/scram-file.ts';
import { isPrepared, makeScramVerifier, SCRAM_MECHANISMS } from '../policy/identity/scram-verifier.ts';
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
import { type LineFile, readLineFile, writeLineFile } from './line-file.ts';
import { placeOf } from './place.ts';
import { verbOf } from './subcommand.ts';
import { askSecret, print, printError, printJson, readSecretFromStdin } from './terminal.ts';

const GENERATED_LENGTH = 20;

const ACTIONS: Readonly<Record<string, (invocation: Invocation, file: LineFile) => Promise<number>>> = {
  add,
  delete: remove,
  verify,
  list,
};

export const passwdCommand: Command = {
  name: 'passwd',
  usage: [
    'add NAME [--scram] [--stdin | --generate]',
    'delete NAME [--scram]',
    'verify NAME [--stdin]',
    'list [--scram] [--json]',
  ],
  wordsMax: 2,
  description:
    "Changes the password file, in Mosquitto's format; new passwords are stored as argon2id. A password is asked for on the terminal without an echo, or read from standard input; it is never an argument, where other users of the machine could see it. `sallyport reload` puts a change in force.",
  options: {
    stdin: {
      type: 'boolean',
      goesWith: ['add', 'verify'],
      says: 'read the password from the first line of standard input',
    },
    generate: { type: 'boolean', goesWith: ['add'], short: 'g', says: 'make up a password and print it' },
    scram: {
      type: 'boolean',
      goesWith: ['add', 'delete', 'list'],
      says: 'the SCRAM file in place of the password file',
    },
    file: { type: 'string', short: 'f', value: 'FILE', says: "the file (default: the configuration's)" },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport passwd add pump-7', 'A new user, or a new password for one; asks for it twice'],
    ['sallyport passwd add pump-7 --generate', 'With a password that nobody has to think of'],
    ['sallyport passwd add pump-7 --scram', 'For logins by SCRAM-SHA-256 and SCRAM-SHA-512'],
    ['sallyport passwd verify pump-7 --stdin < secret.txt', 'Does this password match?'],
    ['sallyport passwd list --json', 'Who may log in, for programs'],
  ],
  exitCodes: [
    [0, 'done; the password matches'],
    [1, 'the password does not match, or the user does not exist'],
    [2, 'the command line or the password file has to be mended'],
  ],
  async run(invocation) {
    const action = verbOf('passwd', ACTIONS, invocation.words[0]);
    return action(invocation, await userFile(invocation));
  },
};

async function userFile(invocation: Invocation): Promise<LineFile> {
  const isScram = hasOption(invocation, 'scram');
  const what = isScram ? 'SCRAM file' : 'password file';
  const named = textOption(invocation, 'file');
  if (named !== undefined) {
    if (textOption(invocation, 'config') !== undefined || textOption(invocation, 'data') !== undefined) {
      throw new UsageError('Give --file, or the configuration that names it, not both.');
    }
    return { path: named, what };
  }
  const place = placeOf(invocation);
  const { authentication } = (await loadConfig(place.configFile)).config;
  if (!isScram) return { path: authentication.passwordFile, what };
  const entry = authentication.chain.filter((each) => each.method === 'scram').find(({ store }) => store === 'file');
  if (entry !== undefined) return { path: entry.file, what };
  throw new OperatorError(
    `authentication.chain in ${place.configFile} has no entry with the method scram and a file: add one, or give --file.`,
  );
}

function username(invocation: Invocation): string {
  const name = invocation.words[1];
  if (name === undefined) throw new UsageError(`Name the user: passwd ${invocation.words[0]} NAME.`);
  const fault = describeUsernameFault(name);
  if (fault !== undefined) throw new UsageError(fault);
  return name;
}

async function readExisting(file: LineFile): Promise<string> {
  const text = await readLineFile(file);
  if (text !== undefined) return text;
  throw new OperatorError(`There is no ${file.what} ${file.path}; \`sallyport passwd add\` makes it.`);
}

async function add(invocation: Invocation, file: LineFile): Promise<number> {
  const name = username(invocation);
  const isGenerated = hasOption(invocation, 'generate');
  if (isGenerated && hasOption(invocation, 'stdin')) throw new UsageError('Give --stdin or --generate, not both.');
  const password = isGenerated ? readableToken(systemChance, GENERATED_LENGTH) : await newSecret(invocation, name);
  const isScram = hasOption(invocation, 'scram');
  const verifiers = isScram ? await scramVerifiers(name, password) : [];
  const hash = isScram ? '' : await hashPassword(Buffer.from(password), systemChance);
  const before = await readLineFile(file);
  const text = before ?? '';
  await writeLineFile(
    file,
    isScram ? withScramUser(text, name, verifiers) : withUser(text, name, hash),
    before === undefined,
  );
  const isChange = before !== undefined && withoutUser(before, name) !== undefined;
  if (hasOption(invocation, 'json')) {
    printJson({
      username: name,
      file: file.path,
      action: isChange ? 'changed' : 'added',
      ...(isGenerated ? { password } : {}),
    });
    return ExitCode.Ok;
  }
  print(`${isChange ? 'Changed the password of' : 'Added'} ${name} in ${file.path}.`);
  if (isGenerated) print(`Its password, shown only now: ${password}`);
  print('A running gateway takes it up with: npx sallyport reload');
  return ExitCode.Ok;
}

/** One for each mechanism; a client may know only one of the two. */
async function scramVerifiers(name: string, password: string): Promise<string[]> {
  if (!isPrepared(name) || !isPrepared(password)) {
    throw new UsageError(
      'With SCRAM, name and password are printable ASCII: clients prepare other characters differently.',
    );
  }
  return Promise.all(SCRAM_MECHANISMS.map((mechanism) => makeScramVerifier(mechanism, password, systemChance)));
}

async function newSecret(invocation: Invocation, name: string): Promise<string> {
  if (hasOption(invocation, 'stdin')) return readSecretFromStdin();
  const password = await askSecret(`Password for ${name}: `);
  if ((await askSecret('Once more: ')) !== password)
    throw new UsageError('The two passwords differ. Nothing was changed.');
  return password;
}

async function remove(invocation: Invocation, file: LineFile): Promise<number> {
  const name = username(invocation);
  const after = withoutUser(await readExisting(file), name);
  if (after !== undefined) await writeLineFile(file, after, false);
  const isDeleted = after !== undefined;
  if (hasOption(invocation, 'json')) printJson({ username: name, file: file.path, deleted: isDeleted });
  else if (isDeleted)
    print(`Deleted ${name} from ${file.path}. A reload ends its live connections: npx sallyport reload`);
  else printError(`There is no user ${name} in ${file.path}.`);
  return isDeleted ? ExitCode.Ok : ExitCode.Negative;
}

async function verify(invocation: Invocation, file: LineFile): Promise<number> {
  const name = username(invocation);
  const { users } = parsePasswordFile(await readExisting(file), file.path);
  const user = users.get(name);
  const password = hasOption(invocation, 'stdin')
    ? await readSecretFromStdin()
    : await askSecret(`Password for ${name}: `);
  const matches = user !== undefined && (await user.hash.verify(Buffer.from(password)));
  if (hasOption(invocation, 'json'))
    printJson({ username: name, file: file.path, exists: user !== undefined, matches });
  else if (matches) print(`The password of ${name} matches.`);
  else
    printError(
      user === undefined ? `There is no user ${name} in ${file.path}.` : `The password of ${name} does not match.`,
    );
  return matches ? ExitCode.Ok : ExitCode.Negative;
}

async function list(invocation: Invocation, file: LineFile): Promise<number> {
  if (invocation.words.length > 1) throw new UsageError('passwd list takes no name.');
  const text = await readExisting(file);
  const all = hasOption(invocation, 'scram')
    ? parseScramFile(text, file.path).list()
    : [...parsePasswordFile(text, file.path).users.values()].map(({ username: name, line, hash }) => ({
        username: name,
        line,
        scheme: hash.cost,
      }));
  if (hasOption(invocation, 'json')) printJson({ file: file.path, users: all });
  else if (all.length === 0) print(`There are no users in ${file.path}.`);
  else for (const user of all) print(`${user.username}  ${user.scheme}`);
  return ExitCode.Ok;
}
