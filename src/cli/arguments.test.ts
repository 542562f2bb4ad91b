import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseInvocation } from './arguments.ts';
import { UsageError } from './command.ts';
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
      ['ban', ['remove', '192.0.2.7', '--for', '2h'], /The option --for means nothing here: it goes with `ban add`\./],
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

  it('asks for help wherever --help stands', async () => {
    const check = await findCommand('check');
    assert.equal(parseInvocation(check, ['too', 'many', '--help']).options['help'], true);
  });
});

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
