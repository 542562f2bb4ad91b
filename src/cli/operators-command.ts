/** `sallyport operators`: who may use the control API and the console, made and mended on the machine itself. */
import type { Config } from '../app/config/config.ts';
import { loadConfig } from '../app/config/load.ts';
import { OperatorError } from '../app/config/problem.ts';
import { whoAsks } from '../app/control/client.ts';
import { ROLES } from '../app/control/scope.ts';
import { checkOperatorName } from '../app/operators/accounts.ts';
import type { BoundCertificate } from '../app/operators/certificates.ts';
import type { Author } from '../app/operators/ledger.ts';
import type { OperatorStore } from '../app/operators/operator-store.ts';
import { openOperatorStore } from '../app/operators/operators.ts';
import { demandUsable, listedScopes, roleNamed, scopesNamed } from '../app/operators/scope-set.ts';
import type { Token } from '../app/operators/tokens.ts';
import { passwordFault } from '../app/users/password-rules.ts';
import { readableToken, systemChance } from '../base/chance.ts';
import { systemClock } from '../base/clock.ts';
import { parseDurationMs } from '../base/duration.ts';
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
import { verbOf } from './subcommand.ts';
import { minuteOf, prose, table } from './table.ts';
import { askSecret, print, printError, printJson, readSecretFromStdin } from './terminal.ts';

const GENERATED_LENGTH = 20;

interface Desk {
  readonly invocation: Invocation;
  /** What stands behind the verb. */
  readonly words: readonly string[];
  readonly config: Config;
  readonly store: OperatorStore;
  readonly author: Author;
}

type Verb = (desk: Desk) => number | Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = {
  list,
  add,
  remove,
  role: setRole,
  disable: (desk) => setDisabled(desk, true),
  enable: (desk) => setDisabled(desk, false),
  'set-password': setPassword,
  'reset-second-factor': resetSecondFactor,
  code: makeCode,
  claim,
  token: (desk) => verbOf('operators token', TOKEN_VERBS, desk.words[0])(behind(desk)),
  certificate: (desk) => verbOf('operators certificate', CERTIFICATE_VERBS, desk.words[0])(behind(desk)),
};

const TOKEN_VERBS: Readonly<Record<string, Verb>> = { create: createToken, list: listTokens, revoke: revokeToken };
const CERTIFICATE_VERBS: Readonly<Record<string, Verb>> = {
  add: bindCertificate,
  remove: unbindCertificate,
  list: listCertificates,
};

export const operatorsCommand: Command = {
  name: 'operators',
  usage: [
    'list [--json]',
    'add NAME --role ROLE [--scope SCOPE]... [--stdin | --generate | --no-password]',
    'remove | disable | enable | reset-second-factor NAME',
    'role NAME ROLE [--scope SCOPE]...',
    'set-password NAME [--stdin | --generate]',
    'code',
    'claim NAME [--code CODE] [--stdin | --generate]',
    'token create NAME --label TEXT --for DURATION [--scope SCOPE]...',
    'token list [NAME] | revoke ID',
    'certificate add NAME SHA256 | "SUBJECT"',
    'certificate list NAME | remove NAME SHA256 | "SUBJECT"',
  ],
  wordsMax: 4,
  description: `Keeps the accounts of those who use the control API over HTTPS. It works on the file in the data directory: no gateway has to run, and one that does takes a change up at once and journals it. Roles are ${ROLES.join(', ')}; --scope narrows an account or a token to some of what its role may. \`code\` prints a one-time code with which an admin's account can be made from elsewhere, also when everybody is locked out.`,
  options: {
    role: { type: 'string', goesWith: ['add'], value: 'ROLE', says: ROLES.join(', ') },
    scope: {
      type: 'string',
      goesWith: ['add', 'role', 'token create'],
      multiple: true,
      value: 'SCOPE',
      says: 'narrow to this, such as bans:write; may be repeated',
    },
    label: { type: 'string', goesWith: ['token create'], value: 'TEXT', says: 'what the token is for' },
    for: {
      type: 'string',
      goesWith: ['token create'],
      value: 'DURATION',
      says: 'how long the token holds, such as 90d',
    },
    code: {
      type: 'string',
      goesWith: ['claim'],
      value: 'CODE',
      says: 'the one-time code; without it, it is asked for, and no other user of the machine sees it',
    },
    stdin: {
      type: 'boolean',
      goesWith: ['add', 'set-password', 'claim'],
      says: 'read the password from the first line of standard input',
    },
    generate: {
      type: 'boolean',
      goesWith: ['add', 'set-password', 'claim'],
      short: 'g',
      says: 'make up a password and print it',
    },
    'no-password': { type: 'boolean', goesWith: ['add'], says: 'for tokens and certificates alone' },
    ...PLACE_OPTIONS,
    json: JSON_OPTION,
  },
  examples: [
    [
      'sallyport operators add ada --role admin',
      "An admin; asks for the password twice, and ada's first login for an app",
    ],
    ['sallyport operators add backup --role viewer --no-password', 'An account for a machine'],
    ['sallyport operators token create backup --label nightly --for 90d --scope config:read', 'And its token'],
    ['sallyport operators reset-second-factor ada', 'When the phone is lost'],
    ['sallyport operators code', 'When everybody is locked out'],
  ],
  exitCodes: [
    [0, 'done'],
    [1, 'there is no such operator or token, or there is one already; the code is wrong'],
    [2, 'the command line, the password or a file has to be mended'],
  ],
  async run(invocation) {
    const [verb, ...words] = invocation.words;
    const action = verbOf('operators', VERBS, verb);
    const { config } = await loadConfig(placeOf(invocation).configFile);
    const store = openOperatorStore(config, systemClock, systemChance);
    try {
      return await action({
        invocation,
        words,
        config,
        store,
        author: { by: `local:${whoAsks()}`, from: 'command line' },
      });
    } finally {
      store.close();
    }
  },
};

function behind(desk: Desk): Desk {
  return { ...desk, words: desk.words.slice(1) };
}

function nameOf({ words, invocation }: Desk): string {
  const [name] = words;
  if (name === undefined) throw new UsageError(`Name the operator: operators ${invocation.words[0]} NAME.`);
  return checkOperatorName(name);
}

function scopesOf({ invocation }: Desk) {
  const given = invocation.options['scope'] as readonly string[] | undefined;
  return given === undefined ? undefined : scopesNamed(given);
}

/** Says what was done, or why it was not; `more` is for programs. */
function report(invocation: Invocation, isDone: boolean, says: string, more: Record<string, unknown> = {}): number {
  if (hasOption(invocation, 'json')) printJson({ ok: isDone, says, ...(isDone ? more : {}) });
  else if (isDone) print(says);
  else printError(says);
  return isDone ? ExitCode.Ok : ExitCode.Negative;
}

const absent = (name: string): string => `There is no operator ${name}; \`sallyport operators list\` shows all.`;

interface NewPassword {
  readonly hash: string;
  /** Only where it was made up. */
  readonly shown: string | undefined;
}

async function newPassword({ invocation, config, store }: Desk, name: string): Promise<NewPassword> {
  const isGenerated = hasOption(invocation, 'generate');
  if (isGenerated && hasOption(invocation, 'stdin')) throw new UsageError('Give --stdin or --generate, not both.');
  const password = isGenerated ? readableToken(systemChance, GENERATED_LENGTH) : await askPassword(invocation, name);
  if (!isGenerated) {
    const former = store.accounts.hashesOf(name);
    const fault = await passwordFault(password, name, former, config.authentication.passwordRules);
    if (fault !== undefined) throw new OperatorError(`${fault} Nothing was changed.`);
  }
  const hash = await hashPassword(Buffer.from(password), systemChance);
  return { hash, shown: isGenerated ? password : undefined };
}

async function askPassword(invocation: Invocation, name: string): Promise<string> {
  if (hasOption(invocation, 'stdin')) return readSecretFromStdin();
  const password = await askSecret(`Password for ${name}: `);
  if ((await askSecret('Once more: ')) !== password) {
    throw new UsageError('The two passwords differ. Nothing was changed.');
  }
  return password;
}

function reportPassword(invocation: Invocation, says: string, shown: string | undefined): number {
  const code = report(invocation, true, says, shown === undefined ? {} : { password: shown });
  if (shown !== undefined && !hasOption(invocation, 'json')) print(`The password, shown only now: ${shown}`);
  return code;
}

function list({ invocation, store, words }: Desk): number {
  if (words.length > 0) throw new UsageError('operators list takes no name.');
  const isoOf = (atMs: number | undefined): string | null => (atMs === undefined ? null : new Date(atMs).toISOString());
  const all = store.accounts.list();
  if (hasOption(invocation, 'json')) {
    const operators = all.map((operator) => ({
      name: operator.name,
      role: operator.role,
      scopes: listedScopes(operator.scopes) ?? null,
      isDisabled: operator.isDisabled,
      hasPassword: operator.hash !== undefined,
      hasTotp: operator.hasTotp,
      passkeys: operator.passkeys,
      recoveryCodesLeft: operator.recoveryCodesLeft,
      sso: operator.sso ?? null,
      tokens: store.tokens.listOf(operator.name).length,
      createdAt: isoOf(operator.createdAtMs),
      lastLoginAt: isoOf(operator.lastLoginAtMs),
    }));
    printJson({ operators });
    return ExitCode.Ok;
  }
  if (all.length === 0) {
    print('There are no operators. The first one is made with `sallyport operators add NAME --role admin`.');
    return ExitCode.Ok;
  }
  const rows = all.map((operator) => [
    operator.name,
    operator.role,
    operator.scopes === 'all' ? 'all of the role' : [...operator.scopes].join(' '),
    operator.isDisabled ? 'disabled' : 'enabled',
    factorsOf(operator),
    operator.lastLoginAtMs === undefined ? 'never' : minuteOf(operator.lastLoginAtMs),
  ]);
  print(table(['name', 'role', prose('may'), 'state', prose('logs in by', 8), 'last login'], rows));
  return ExitCode.Ok;
}

function factorsOf({ hash, hasTotp, passkeys, sso }: ReturnType<OperatorStore['accounts']['list']>[number]): string {
  const factors = [
    ...(hash === undefined ? [] : ['password']),
    ...(hasTotp ? ['app'] : []),
    ...(passkeys === 0 ? [] : [`${passkeys} passkey${passkeys === 1 ? '' : 's'}`]),
    ...(sso === undefined ? [] : ['single sign-on']),
  ];
  return factors.length === 0 ? 'tokens or certificates' : factors.join(', ');
}

async function add(desk: Desk): Promise<number> {
  const { invocation, store, author } = desk;
  const name = nameOf(desk);
  const given = textOption(invocation, 'role');
  if (given === undefined) throw new UsageError(`Give the role: --role ${ROLES.join(', --role ')}.`);
  const role = roleNamed(given);
  const scopes = scopesOf(desk);
  demandUsable(scopes ?? [], { role, may: 'all' }, name);
  const isThere = `There is an operator ${name} already.`;
  if (store.accounts.find(name) !== undefined) return report(invocation, false, isThere);
  const isWithout = hasOption(invocation, 'no-password');
  if (isWithout && (hasOption(invocation, 'stdin') || hasOption(invocation, 'generate'))) {
    throw new UsageError('Give --no-password, or a password, not both.');
  }
  const password = isWithout ? undefined : await newPassword(desk, name);
  const hash = password === undefined ? {} : { hash: password.hash };
  if (!store.accounts.add({ name, role, scopes, ...hash }, author)) return report(invocation, false, isThere);
  return reportPassword(invocation, `Added ${name}, with the role ${role}.`, password?.shown);
}

function remove(desk: Desk): number {
  const name = nameOf(desk);
  const isDone = desk.store.accounts.remove(name, desk.author);
  return report(desk.invocation, isDone, isDone ? `Removed ${name}, with its sessions and tokens.` : absent(name));
}

function setRole(desk: Desk): number {
  const name = nameOf(desk);
  const [, given] = desk.words;
  if (given === undefined) throw new UsageError(`Give the role: operators role ${name} ${ROLES.join(' | ')}.`);
  const [role, scopes] = [roleNamed(given), scopesOf(desk)];
  demandUsable(scopes ?? [], { role, may: 'all' }, name);
  const isDone = desk.store.accounts.setRole(name, role, scopes, desk.author);
  const narrowed = scopes === undefined ? '' : `, narrowed to ${scopes.join(' ')}`;
  return report(desk.invocation, isDone, isDone ? `The role of ${name} is ${given} now${narrowed}.` : absent(name));
}

function setDisabled(desk: Desk, isDisabled: boolean): number {
  const name = nameOf(desk);
  const isDone = desk.store.accounts.setDisabled(name, isDisabled, desk.author);
  const says = isDisabled ? `Disabled ${name}, and ended its sessions.` : `Enabled ${name}.`;
  return report(desk.invocation, isDone, isDone ? says : absent(name));
}

async function setPassword(desk: Desk): Promise<number> {
  const { invocation, store, config, author } = desk;
  const name = nameOf(desk);
  if (store.accounts.find(name) === undefined) return report(invocation, false, absent(name));
  const { hash, shown } = await newPassword(desk, name);
  const { historyMax } = config.authentication.passwordRules;
  if (!store.accounts.setPassword(name, hash, historyMax, author)) return report(invocation, false, absent(name));
  return reportPassword(invocation, `Changed the password of ${name}, and ended its sessions.`, shown);
}

function resetSecondFactor(desk: Desk): number {
  const name = nameOf(desk);
  const isDone = desk.store.secondFactors.reset(name, desk.author);
  const says = `Took app, recovery codes and passkeys of ${name} away, and ended its sessions.`;
  return report(desk.invocation, isDone, isDone ? says : absent(name));
}

function makeCode({ invocation, store, author, words }: Desk): number {
  if (words.length > 0) throw new UsageError('operators code takes no name: whoever uses it chooses one.');
  const { code, expiresAtMs } = store.codes.make(author);
  const expiresAt = new Date(expiresAtMs).toISOString();
  if (hasOption(invocation, 'json')) printJson({ ok: true, code, expiresAt });
  else {
    print(code);
    printError(`Makes one admin's account, once, until ${minuteOf(expiresAtMs)}; former codes are worth nothing now.`);
  }
  return ExitCode.Ok;
}

/** Not in the command line, which others on the machine see for as long as the password is asked for. */
function askCode(): Promise<string> {
  if (process.stdin.isTTY) return askSecret('One-time code, as `init` or `operators code` printed it: ');
  throw new UsageError('Give the one-time code: --code CODE, as `init` or `operators code` printed it.');
}

async function claim(desk: Desk): Promise<number> {
  const { invocation, store, author } = desk;
  const name = nameOf(desk);
  const code = textOption(invocation, 'code') ?? (await askCode());
  const wrong = 'The code is wrong, used, or older than a day; `sallyport operators code` makes a new one.';
  if (!store.codes.isRight(code)) return report(invocation, false, wrong);
  const { hash, shown } = await newPassword(desk, name);
  const outcome = store.codes.claim(code, { name, hash }, author);
  if (outcome === 'wrong code') return report(invocation, false, wrong);
  if (outcome === 'name taken') return report(invocation, false, `There is an operator ${name}: choose another name.`);
  return reportPassword(invocation, `Made ${name}, an admin.`, shown);
}

function createToken(desk: Desk): number {
  const { invocation, store, author } = desk;
  const [name] = desk.words;
  if (name === undefined)
    throw new UsageError('Name the operator: operators token create NAME --label TEXT --for 90d.');
  const label = textOption(invocation, 'label');
  const lifetime = textOption(invocation, 'for');
  if (label === undefined) throw new UsageError('Say what the token is for: --label TEXT.');
  if (lifetime === undefined) throw new UsageError('Say how long the token holds: --for 90d.');
  const lifetimeMs = parseDurationMs(lifetime);
  if (lifetimeMs === undefined) throw new UsageError(`--for ${lifetime} is no duration: give one such as 12h or 90d.`);
  const operator = checkOperatorName(name);
  if (store.accounts.find(operator) === undefined) return report(invocation, false, absent(operator));
  const made = store.tokens.create({ operator, label, scopes: scopesOf(desk), lifetimeMs }, author);
  if (hasOption(invocation, 'json')) printJson({ ok: true, token: tokenRecord(made.token), secret: made.secret });
  else {
    // Alone on standard output, so that a script takes it without looking.
    print(made.secret);
    printError(
      `Shown only now. The token ${made.token.id} of ${operator} holds until ${minuteOf(made.token.expiresAtMs)}.`,
    );
  }
  return ExitCode.Ok;
}

function listTokens({ invocation, store, words: [name] }: Desk): number {
  if (name !== undefined && store.accounts.find(checkOperatorName(name)) === undefined) {
    return report(invocation, false, absent(name));
  }
  const tokens = name === undefined ? store.tokens.list() : store.tokens.listOf(name);
  if (hasOption(invocation, 'json')) {
    printJson({ tokens: tokens.map(tokenRecord) });
    return ExitCode.Ok;
  }
  const nowMs = systemClock.epochMs();
  const rows = tokens.map((token) => [
    token.id,
    token.operator,
    token.label,
    listedScopes(token.scopes)?.join(' ') ?? 'all of the account',
    `${token.expiresAtMs <= nowMs ? 'expired ' : ''}${minuteOf(token.expiresAtMs)}`,
    token.lastUsedAtMs === undefined ? 'never' : `${minuteOf(token.lastUsedAtMs)} from ${token.lastUsedFrom}`,
  ]);
  print(
    rows.length === 0
      ? 'There are no tokens.'
      : table(['id', 'operator', prose('for'), prose('may'), 'until', 'last used'], rows),
  );
  return ExitCode.Ok;
}

function revokeToken({ invocation, store, author, words: [id] }: Desk): number {
  if (id === undefined) throw new UsageError('Name the token by its id: operators token revoke ID.');
  const isDone = store.tokens.revoke(id, undefined, author);
  const otherwise = 'There is no such token; `sallyport operators token list` shows all.';
  return report(invocation, isDone, isDone ? `Revoked the token ${id}.` : otherwise);
}

/** A fingerprint is hexadecimal; a subject has an equals sign. */
function certificateOf(desk: Desk): Pick<BoundCertificate, 'kind' | 'value' | 'operator'> {
  const operator = nameOf(desk);
  const [, value] = desk.words;
  if (value === undefined) {
    throw new UsageError(`Give its SHA-256, or its subject in quotes: operators certificate add ${operator} SHA256.`);
  }
  return { kind: value.includes('=') ? 'subject' : 'fingerprint', value, operator };
}

function bindCertificate(desk: Desk): number {
  const certificate = certificateOf(desk);
  const { operator, kind } = certificate;
  if (desk.store.accounts.find(operator) === undefined) return report(desk.invocation, false, absent(operator));
  const isDone = desk.store.certificates.bind(certificate, desk.author);
  const otherwise = 'That certificate logs somebody in already.';
  return report(desk.invocation, isDone, isDone ? `The certificate of that ${kind} logs ${operator} in.` : otherwise);
}

function unbindCertificate(desk: Desk): number {
  const certificate = certificateOf(desk);
  const isDone = desk.store.certificates.unbind(certificate, desk.author);
  const says = isDone ? 'That certificate logs nobody in any more.' : `It does not log ${certificate.operator} in.`;
  return report(desk.invocation, isDone, says);
}

function listCertificates(desk: Desk): number {
  const { invocation, store } = desk;
  const operator = nameOf(desk);
  if (store.accounts.find(operator) === undefined) return report(invocation, false, absent(operator));
  const certificates = store.certificates.listOf(operator).map(({ kind, value, createdAtMs }) => ({
    kind,
    value,
    createdAt: new Date(createdAtMs).toISOString(),
  }));
  if (hasOption(invocation, 'json')) printJson({ operator, certificates });
  else if (certificates.length === 0) print(`No certificate logs ${operator} in.`);
  else
    print(
      table(
        ['kind', 'value'],
        certificates.map(({ kind, value }) => [kind, value]),
      ),
    );
  return ExitCode.Ok;
}

function tokenRecord({ id, operator, label, scopes, ...token }: Token): Record<string, unknown> {
  return {
    id,
    operator,
    label,
    scopes: listedScopes(scopes) ?? null,
    createdAt: new Date(token.createdAtMs).toISOString(),
    expiresAt: new Date(token.expiresAtMs).toISOString(),
    lastUsedAt: token.lastUsedAtMs === undefined ? null : new Date(token.lastUsedAtMs).toISOString(),
    lastUsedFrom: token.lastUsedFrom ?? null,
  };
}
