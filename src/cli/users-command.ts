/** `sallyport users`: the gateway's own store of users. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../app/config/config.ts';
import { loadConfig } from '../app/config/load.ts';
import { OperatorError } from '../app/config/problem.ts';
import { type NewPassword, newPassword } from '../app/users/new-password.ts';
import { UserAdmin } from '../app/users/user-admin.ts';
import { userRecord } from '../app/users/user-record.ts';
import { usersFileOf } from '../app/users/users-file.ts';
import { systemChance } from '../base/chance.ts';
import { systemClock } from '../base/clock.ts';
import { describeUsernameFault, parsePasswordFile } from '../policy/identity/password-file.ts';
import {
  type Command,
  ExitCode,
  hasOption,
  type Invocation,
  JSON_OPTION,
  PLACE_OPTIONS,
  UsageError,
} from './command.ts';
import { placeOf } from './place.ts';
import { verbOf } from './subcommand.ts';
import { table } from './table.ts';
import { askSecret, print, printError, printJson, readSecretFromStdin } from './terminal.ts';

/** What every action works with. */
interface Desk {
  readonly invocation: Invocation;
  readonly config: Config;
  readonly users: UserAdmin;
}

const ACTIONS: Readonly<Record<string, (desk: Desk) => Promise<number> | number>> = {
  add,
  remove,
  disable: (desk) => setDisabled(desk, true),
  enable: (desk) => setDisabled(desk, false),
  'set-password': setPassword,
  import: importFile,
  list,
};

/** The verbs that give a password. */
const SETTING = ['add', 'set-password'];

export const usersCommand: Command = {
  name: 'users',
  usage: [
    'add NAME [--scram] [--stdin | --generate]',
    'set-password NAME [--scram] [--stdin | --generate]',
    'disable NAME',
    'enable NAME',
    'remove NAME',
    'import FILE [--replace]',
    'list [--json]',
  ],
  wordsMax: 2,
  description:
    'Manages the built-in users, who are asked for where authentication.chain has the method users; they are kept in users.sqlite in the data directory, with passwords as argon2id. A running gateway takes changes up within a second: a user who is removed or disabled, or has a new password, is disconnected. A password is asked for on the terminal without an echo, or read from standard input; it is never an argument, where other users of the machine could see it.',
  options: {
    stdin: { type: 'boolean', goesWith: SETTING, says: 'read the password from the first line of standard input' },
    generate: { type: 'boolean', goesWith: SETTING, short: 'g', says: 'make up a password and print it' },
    scram: { type: 'boolean', goesWith: SETTING, says: 'let the user log in by SCRAM too; a new password keeps that' },
    replace: {
      type: 'boolean',
      goesWith: ['import'],
      says: 'give users who are there already the password of the file',
    },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport users add pump-7', 'A new user; asks for the password twice'],
    ['sallyport users add pump-7 --generate', 'With a password that nobody has to think of'],
    ['sallyport users disable pump-7', 'Ends its connection, and lets it in no more'],
    ['sallyport users import /etc/mosquitto/passwd', 'Moves in from Mosquitto; passwords go on working'],
    ['sallyport users list', 'With last login and age of the password'],
  ],
  exitCodes: [
    [0, 'done'],
    [1, 'the user does not exist, or exists already'],
    [2, 'the command line, the password or a file has to be mended'],
  ],
  async run(invocation) {
    const action = verbOf('users', ACTIONS, invocation.words[0]);
    const { config } = await loadConfig(placeOf(invocation).configFile);
    const users = new UserAdmin(usersFileOf(config.dataDirectory), systemClock, systemChance);
    try {
      return await action({ invocation, config, users });
    } finally {
      users.close();
    }
  },
};

function username({ words }: Invocation): string {
  const [action, name] = words;
  if (name === undefined) throw new UsageError(`Name the user: users ${action} NAME.`);
  const fault = describeUsernameFault(name);
  if (fault !== undefined) throw new UsageError(fault);
  return name;
}

/** Who is in the password file is no less a user, and is not found here. */
const isNobody = (name: string): string =>
  `There is no built-in user ${name}; \`sallyport users list\` shows all, and \`sallyport passwd list\` those of the password file.`;

/** Says what was done, or that it could not be done; `done` undefined means there is no such user. */
function report(invocation: Invocation, name: string, done: string | undefined, otherwise: string): number {
  const isDone = done !== undefined;
  if (hasOption(invocation, 'json')) printJson({ username: name, ok: isDone, says: done ?? otherwise });
  else if (isDone) print(done);
  else printError(otherwise);
  return isDone ? ExitCode.Ok : ExitCode.Negative;
}

async function passwordFor({ invocation, config, users }: Desk, name: string): Promise<NewPassword> {
  const isGenerated = hasOption(invocation, 'generate');
  if (isGenerated && hasOption(invocation, 'stdin')) throw new UsageError('Give --stdin or --generate, not both.');
  const given = isGenerated ? undefined : await askPassword(invocation, name);
  return newPassword(name, given, {
    chance: systemChance,
    rules: config.authentication.passwordRules,
    isScram: hasOption(invocation, 'scram') || users.hasVerifiers(name),
    hashes: users.hashesOf(name),
  });
}

async function askPassword(invocation: Invocation, name: string): Promise<string> {
  if (hasOption(invocation, 'stdin')) return readSecretFromStdin();
  const password = await askSecret(`Password for ${name}: `);
  if ((await askSecret('Once more: ')) !== password) {
    throw new UsageError('The two passwords differ. Nothing was changed.');
  }
  return password;
}

function reportPassword(invocation: Invocation, name: string, says: string, shown: string | undefined): number {
  if (hasOption(invocation, 'json')) {
    printJson({ username: name, ok: true, says, ...(shown === undefined ? {} : { password: shown }) });
  } else {
    print(says);
    if (shown !== undefined) print(`The password, shown only now: ${shown}`);
  }
  return ExitCode.Ok;
}

async function add(desk: Desk): Promise<number> {
  const { invocation, users, config } = desk;
  const name = username(invocation);
  const isThere = `There is a user ${name} already; \`sallyport users set-password ${name}\` gives it another password.`;
  if (users.hashesOf(name).length > 0) return report(invocation, name, undefined, isThere);
  const { hash, shown, verifiers } = await passwordFor(desk, name);
  if (!users.add(name, hash)) return report(invocation, name, undefined, isThere);
  if (verifiers !== undefined) users.setVerifiers(name, verifiers);
  const code = reportPassword(invocation, name, `Added ${name}.`, shown);
  const { chain } = config.authentication;
  if (!chain.some((entry) => entry.method === 'users' || (entry.method === 'scram' && entry.store === 'users'))) {
    printError('The configuration does not ask for built-in users yet: add { method: users } to authentication.chain.');
  }
  return code;
}

async function setPassword(desk: Desk): Promise<number> {
  const { invocation, users, config } = desk;
  const name = username(invocation);
  const isMissing = isNobody(name);
  if (users.hashesOf(name).length === 0) return report(invocation, name, undefined, isMissing);
  const { hash, shown, verifiers } = await passwordFor(desk, name);
  if (!users.setPassword(name, hash, config.authentication.passwordRules.historyMax)) {
    return report(invocation, name, undefined, isMissing);
  }
  if (verifiers !== undefined) users.setVerifiers(name, verifiers);
  return reportPassword(invocation, name, `Changed the password of ${name}.`, shown);
}

function remove({ invocation, users }: Desk): number {
  const name = username(invocation);
  const done = users.remove(name) ? `Removed ${name}.` : undefined;
  return report(invocation, name, done, isNobody(name));
}

function setDisabled({ invocation, users }: Desk, isDisabled: boolean): number {
  const name = username(invocation);
  const done = users.setDisabled(name, isDisabled) ? `${isDisabled ? 'Disabled' : 'Enabled'} ${name}.` : undefined;
  return report(invocation, name, done, isNobody(name));
}

async function importFile({ invocation, users }: Desk): Promise<number> {
  const file = invocation.words[1];
  if (file === undefined) throw new UsageError('Name the password file: users import FILE.');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new OperatorError(`The password file ${file} cannot be read: ${(error as Error).message}.`);
  }
  const found = [...parsePasswordFile(text, file).users.values()];
  const outcome = users.import(
    found.map(({ username: name, hash }) => ({ username: name, hash: hash.encoded })),
    { replace: hasOption(invocation, 'replace') },
  );
  if (hasOption(invocation, 'json')) printJson({ file, ...outcome });
  else {
    print(`Added ${outcome.added} and changed ${outcome.replaced} of the ${found.length} users in ${file}.`);
    if (outcome.passedOver.length > 0) {
      print(`Passed over, since they are there already (--replace changes them): ${outcome.passedOver.join(', ')}`);
    }
  }
  return ExitCode.Ok;
}

function list({ invocation, users }: Desk): number {
  if (invocation.words.length > 1) throw new UsageError('users list takes no name.');
  const nowMs = systemClock.epochMs();
  const rows = users.list().map((user) => userRecord(user, nowMs));
  if (hasOption(invocation, 'json')) {
    printJson({ users: rows });
    return ExitCode.Ok;
  }
  if (rows.length === 0) {
    print('There are no built-in users.');
    return ExitCode.Ok;
  }
  const cells = rows.map((row) => [
    row.username,
    row.disabled ? 'disabled' : 'enabled',
    `last login ${row.lastLoginAt ?? 'never'}`,
    `password ${row.passwordAgeDays} days old`,
    row.scheme,
  ]);
  print(table(['', '', '', '', ''], cells));
  return ExitCode.Ok;
}
