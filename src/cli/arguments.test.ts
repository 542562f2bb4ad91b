import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseInvocation } from './arguments.ts';
import { type CommandOption, JSON_OPTION, PLACE_OPTIONS, secondVerbsOf, UsageError, verbsOf } from './command.ts';
import { findCommand, listed } from './commands.ts';
import { commandHelp } from './help.ts';

describe('a command line', () => {
  it('is taken apart into options and words', async () => {
    const init = await findCommand('init');
    assert.deepEqual(parseInvocation(init, ['--name', 'a', '-n', 'b', '--json', '-dx']), {
      options: { name: ['a', 'b'], json: true, data: 'x' },
      words: [],
    });
    const passwd = await findCommand('passwd');
    assert.deepEqual(parseInvocation(passwd, ['add', '--', '--name']).words, ['add', '--name']);
  });

  it('is refused with one sentence where it is wrong', async () => {
    const cases: [string, string[], RegExp][] = [
      ['check', ['--jsno'], /The option --jsno is unknown\. Did you mean --json\?/],
      ['check', ['-x'], /The option -x is unknown/],
      ['check', ['--toString'], /The option --toString is unknown/],
      ['check', ['--__proto__', 'x'], /The option --__proto__ is unknown/],
      ['check', ['--data'], /The option --data needs a value: --data DIR/],
      ['check', ['--json=yes'], /The option --json takes no value/],
      ['check', ['--data', 'a', '--data', 'b'], /The option --data is given twice/],
      ['check', ['now'], /"now" is one word too many/],
      ['passwd', ['add', 'pump-7', 'secret'], /one word too many/],
      [
        'ban',
        ['remove', '192.0.2.7', '--for', '2h'],
        /The option --for means nothing to `ban remove`: it goes with `ban add`\./,
      ],
      [
        'firewall',
        ['print', '--confirmed'],
        /--confirmed means nothing to `firewall print`: it goes with `firewall apply`/,
      ],
      ['passwd', ['verify', 'a', '--scram'], /it goes with `passwd add`, `passwd delete`, `passwd list`/],
      ['users', ['remove', 'a', '--replace'], /it goes with `users import`/],
      ['totp', ['list', '--issuer', 'x'], /it goes with `totp add`/],
      ['policy', ['diff', 'a', 'b', '--user', 'x'], /it goes with `policy explain`/],
      ['policy', ['import', 'a', '--data', 'x'], /--data means nothing to `policy import`/],
      [
        'policy',
        ['learn', 'propose', '--policy', 'x'],
        /--policy means nothing to `policy learn propose`: it goes with .*`policy learn unused`/,
      ],
      ['operators', ['token', 'list', '--for', '90d'], /it goes with `operators token create`/],
      ['audit', ['fix', 'plan', '--yes'], /--yes means nothing to `audit fix plan`: it goes with `audit fix apply`/],
      ['journal', ['export', '--json'], /it goes with `journal verify`, `journal search`, `journal index`/],
      ['clients', ['--for', '2h'], /it goes with `clients throttle`, `clients quarantine`/],
      ['journal', ['export', '--limit', '10'], /it goes with `journal search`/],
      ['audit', ['tls', 'broker.example', '--active'], /it goes with `audit probe`/],
      ['audit', ['list', '--only', 'U'], /it goes with `audit`, `audit host`/],
    ];
    for (const [name, args, says] of cases) {
      const command = await findCommand(name);
      assert.throws(
        () => parseInvocation(command, args),
        (error: Error) => error instanceof UsageError && says.test(error.message),
        `${name} ${args.join(' ')}`,
      );
    }
    await assert.rejects(findCommand('frobnicate'), /There are: start, init, .*version, help/);
  });

  it('leaves a verb that is unknown, or not said, to the command', async () => {
    const operators = await findCommand('operators');
    for (const words of [['token'], ['token', 'crate'], ['tokn', 'create']])
      assert.deepEqual(parseInvocation(operators, [...words, '--label', 'x']).words, words);
  });

  it('asks for help wherever --help stands', async () => {
    const check = await findCommand('check');
    assert.equal(parseInvocation(check, ['too', 'many', '--help']).options['help'], true);
  });
});

/** What means something to every verb of a command that has several, beside where the gateway is and how to answer. */
const OF_ALL_VERBS = ['passwd --file', 'journal --journal', 'harden --out'];

describe('the verbs of every command', () => {
  for (const { name } of listed) {
    it(`of ${name} each say which options they take`, async () => {
      const command = await findCommand(name);
      const verbs = verbsOf(command);
      const known = [
        '',
        ...verbs.flatMap((verb) => [verb, ...secondVerbsOf(command, verb).map((one) => `${verb} ${one}`)]),
      ];
      const shared: CommandOption[] = [...Object.values(PLACE_OPTIONS), JSON_OPTION];
      for (const [option, row] of Object.entries(command.options)) {
        const isSaid =
          row.goesWith !== undefined || shared.includes(row) || OF_ALL_VERBS.includes(`${name} --${option}`);
        assert.ok(verbs.length < 2 || isSaid, `${name} --${option} has no verbs that it goes with`);
        for (const verb of row.goesWith ?? []) assert.ok(known.includes(verb), `${name} --${option}: ${verb}`);
      }
    });

    it(`of ${name} have help that shows what they take, and nothing else`, async () => {
      const command = await findCommand(name);
      for (const verb of verbsOf(command)) {
        for (const second of [undefined, ...secondVerbsOf(command, verb)]) {
          const words = second === undefined ? [verb] : [verb, second];
          const help = commandHelp(command, words);
          const options = help.slice(help.indexOf('\nOptions'), help.indexOf('\nExit codes'));
          const shown = [...options.matchAll(/^ +(?:-\w, )?--([a-z0-9-]+)/gm)].map(([, option]) => option);
          for (const [option, row] of Object.entries(command.options)) {
            const given = row.type === 'string' ? [`--${option}`, 'x'] : [`--${option}`];
            const isTaken = !throwsUsage(() => parseInvocation(command, [...words, ...given]));
            // Where a second verb is open, what fits one of them is shown.
            assert.equal(shown.includes(option), isTaken, `${name} ${words.join(' ')} --${option}`);
          }
          const usage = help.slice(0, help.indexOf('\n\n'));
          for (const line of usage.split('\n').slice(1))
            assert.ok(
              words.every((word) => line.includes(word)),
              `${name} ${words.join(' ')}: ${line}`,
            );
        }
      }
    });
  }
});

function throwsUsage(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    return error instanceof UsageError;
  }
}

describe('the help of every command', () => {
  for (const { name } of listed) {
    it(`of ${name} has usage, options, examples that parse, and exit codes`, async () => {
      const command = await findCommand(name);
      assert.equal(command.name, name);
      const help = commandHelp(command);
      for (const title of ['Usage', 'Options', 'Examples', 'Exit codes'])
        assert.match(help, new RegExp(`^${title}$`, 'm'));
      for (const option of Object.keys(command.options)) assert.ok(help.includes(`--${option}`), option);
      for (const line of help.split('\n')) assert.ok(line.length <= 100, line);
      assert.ok(command.examples.length > 0);
      for (const [line] of command.examples) {
        const [, args = ''] = /^sallyport \S+ ?([^&<>]*)/.exec(line) ?? assert.fail(line);
        assert.ok(line.startsWith(`sallyport ${name}`), line);
        // As a shell takes it apart: what stands in quotes is one word.
        const words = [...args.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
        parseInvocation(command, words);
      }
    });
  }
});
