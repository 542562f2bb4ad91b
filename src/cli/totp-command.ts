/** `sallyport totp`: who shows a one-time code behind the password. */
import { join } from 'node:path';
import type { Config } from '../app/config/config.ts';
import { loadConfig } from '../app/config/load.ts';
import { SqliteUsedCodes, totpFileOf } from '../app/second-factor-file.ts';
import { systemChance } from '../base/chance.ts';
import { describeUsernameFault, withoutUser } from '../policy/identity/password-file.ts';
import { otpauthUri } from '../policy/identity/totp.ts';
import { enrol, parseTotpFile } from '../policy/identity/totp-file.ts';
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
import { print, printError, printJson } from './terminal.ts';

const HEAD =
  '# Users with a second factor; npx sallyport totp changes them. Whoever reads this file has their second factor.\n';

const ACTIONS: Readonly<Record<string, (invocation: Invocation, config: Config) => Promise<number>>> = {
  add,
  remove,
  list,
};

export const totpCommand: Command = {
  name: 'totp',
  usage: ['add NAME [--issuer TEXT] [--json]', 'remove NAME', 'list [--json]'],
  wordsMax: 2,
  description:
    'Gives users a second factor: six digits from an authenticator app, which they type behind their password, or which an MQTT 5 client sends in the user property totp. What `add` prints (a URI for the app, and recovery codes that replace a code once each) is shown only then. `sallyport reload` puts a change in force; sessions that were opened without the second factor end then.',
  options: {
    issuer: {
      type: 'string',
      goesWith: ['add'],
      value: 'TEXT',
      says: 'what the app shows beside the name (default: Sallyport)',
    },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    ['sallyport totp add ada', 'A second factor for ada; the URI is for a QR code or to be typed'],
    ['sallyport totp add ada --issuer Plant --json', 'The same for a program that makes a QR code of it'],
    ['sallyport totp list', 'Who has one, and how many recovery codes are left'],
  ],
  exitCodes: [
    [0, 'done'],
    [1, 'the user has no second factor, or has one already'],
    [2, 'the command line or a file has to be mended'],
  ],
  async run(invocation) {
    const action = verbOf('totp', ACTIONS, invocation.words[0]);
    return action(invocation, (await loadConfig(placeOf(invocation).configFile)).config);
  },
};

function username(invocation: Invocation): string {
  const name = invocation.words[1];
  if (name === undefined) throw new UsageError(`Name the user: totp ${invocation.words[0]} NAME.`);
  const fault = describeUsernameFault(name);
  if (fault !== undefined) throw new UsageError(fault);
  return name;
}

function fileOf(config: Config): LineFile {
  return { path: totpFileOf(config), what: 'file of second factors' };
}

async function add(invocation: Invocation, config: Config): Promise<number> {
  const name = username(invocation);
  const file = fileOf(config);
  const before = await readLineFile(file);
  if (parseTotpFile(before ?? '', file.path).has(name)) {
    printError(`${name} has a second factor already; take it away first: npx sallyport totp remove ${name}`);
    return ExitCode.Negative;
  }
  const { line, secret, recoveryCodes } = enrol(name, systemChance);
  const text = before ?? HEAD;
  await writeLineFile(file, `${text}${text.endsWith('\n') || text === '' ? '' : '\n'}${line}\n`, before === undefined);
  const uri = otpauthUri(textOption(invocation, 'issuer') ?? 'Sallyport', name, secret);
  if (hasOption(invocation, 'json')) {
    printJson({ username: name, file: file.path, uri, recoveryCodes });
    return ExitCode.Ok;
  }
  print(uri);
  print(
    `\nShown only now: the URI above for ${name}'s authenticator app, and these recovery codes, each good for once:\n`,
  );
  for (const code of recoveryCodes) print(`  ${code}`);
  print('\nA running gateway takes it up with: npx sallyport reload');
  return ExitCode.Ok;
}

async function remove(invocation: Invocation, config: Config): Promise<number> {
  const name = username(invocation);
  const file = fileOf(config);
  const after = withoutUser((await readLineFile(file)) ?? '', name);
  if (after !== undefined) await writeLineFile(file, after, false);
  const removed = after !== undefined;
  if (hasOption(invocation, 'json')) printJson({ username: name, file: file.path, removed });
  else if (removed) print(`${name} has no second factor any more, once the gateway reloads: npx sallyport reload`);
  else printError(`${name} has no second factor.`);
  return removed ? ExitCode.Ok : ExitCode.Negative;
}

async function list(invocation: Invocation, config: Config): Promise<number> {
  if (invocation.words.length > 1) throw new UsageError('totp list takes no name.');
  const file = fileOf(config);
  const users = [...parseTotpFile((await readLineFile(file)) ?? '', file.path).values()];
  const used = users.length === 0 ? undefined : await SqliteUsedCodes.open(join(config.dataDirectory, 'totp.sqlite'));
  try {
    const all = users.map(({ username: name, recovery }) => {
      const spent = used?.usedRecoveryOf(name) ?? new Set();
      return { username: name, recoveryCodesLeft: [...recovery].filter((hash) => !spent.has(hash)).length };
    });
    if (hasOption(invocation, 'json')) printJson({ file: file.path, users: all });
    else if (all.length === 0) print('Nobody has a second factor.');
    else for (const user of all) print(`${user.username}  ${user.recoveryCodesLeft} recovery codes left`);
  } finally {
    used?.close();
  }
  return ExitCode.Ok;
}
