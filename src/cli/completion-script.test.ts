import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { before, describe, it } from 'node:test';
import { isFitting, verbsOf } from './command.ts';
import { listed } from './commands.ts';
import { type CompletedCommand, completionScript } from './completion-script.ts';

const isHere = (program: string): boolean => spawnSync(program, ['-c', 'true']).error === undefined;

describe('completion', () => {
  let commands: CompletedCommand[];
  before(async () => {
    commands = await Promise.all(listed.map(async ({ summary, load }) => ({ summary, command: await load() })));
  });

  /** What bash offers for a line whose last word is being typed. */
  const offered = (line: readonly string[]): string[] => {
    const words = ['sallyport', ...line].map((word) => `'${word}'`).join(' ');
    const script = `${completionScript('bash', commands)}
      complete -p sallyport >/dev/null || exit 9
      COMP_WORDS=(${words}); COMP_CWORD=${line.length}; _sallyport; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const out = execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8', cwd: import.meta.dirname });
    return out.split('\n').filter((word) => word !== '');
  };

  it('offers in bash the commands, their words and their options', () => {
    assert.deepEqual(offered(['']).sort(), [...listed.map(({ name }) => name), 'help'].sort());
    assert.deepEqual(offered(['dis']), ['disconnect']);
    assert.deepEqual(offered(['help', 'disc']), ['disconnect']);
    assert.deepEqual(offered(['ban', '']), ['add', 'remove', 'list', 'why']);
    assert.deepEqual(offered(['clients', 'thr']), ['throttle']);
    assert.deepEqual(offered(['operators', 'dis']), ['disable']);
    assert.deepEqual(offered(['operators', 're']), ['remove', 'reset-second-factor']);
    assert.deepEqual(offered(['events', '--f']), ['--follow']);
    assert.deepEqual(offered(['completion', '']), ['bash', 'zsh', 'fish']);
  });

  it('offers in bash files where an option takes one, and nothing for what nobody can guess', () => {
    assert.deepEqual(offered(['recorder', 'dump', '--out', 'completion-script.te']), ['completion-script.test.ts']);
    assert.deepEqual(offered(['start', '-c', 'completion-script.te']), ['completion-script.test.ts']);
    assert.deepEqual(offered(['start', '--data', 'audi']), ['audit']);
    assert.deepEqual(offered(['clients', 'list', '--user', '']), []);
    assert.deepEqual(offered(['no-such-command', '']), []);
  });

  /** Behind these words, in the order of the help. */
  const EXPECTED: readonly (readonly [line: readonly string[], options: readonly string[]])[] = [
    [
      ['ban', 'add'],
      ['config', 'data', 'for', 'reason', 'json', 'help'],
    ],
    [
      ['ban', 'remove', '192.0.2.7'],
      ['config', 'data', 'reason', 'json', 'help'],
    ],
    [
      ['ban', 'list', '--json'],
      ['config', 'data', 'json', 'help'],
    ],
    // Named as a command is.
    [
      ['clients', 'quarantine'],
      ['for', 'config', 'data', 'json', 'help'],
    ],
    [
      ['operators', 'token'],
      ['scope', 'label', 'for', 'config', 'data', 'json', 'help'],
    ],
    [
      ['operators', 'token', 'create'],
      ['scope', 'label', 'for', 'config', 'data', 'json', 'help'],
    ],
    [
      ['operators', 'token', 'list'],
      ['config', 'data', 'json', 'help'],
    ],
    [['status'], ['config', 'data', 'json', 'help']],
  ];

  it('offers in bash behind a verb the options that it takes and no others', () => {
    for (const [line, options] of EXPECTED) {
      const flags = options.map((option) => `--${option}`);
      assert.deepEqual(offered([...line, '--']), flags, line.join(' '));
    }
    assert.deepEqual(offered(['ban', '--data', 'list', 'remove', '--fo']), [], 'what belongs to an option is no verb');
    assert.deepEqual(offered(['ban', '-d', 'list', 'add', '--fo']), ['--for']);
    assert.deepEqual(offered(['ban', '--data', '=', 'remove', 'add', '--fo']), ['--for']);
    assert.deepEqual(offered(['ban', '--json', '']), ['add', 'remove', 'list', 'why'], 'the verb may come later');
    assert.deepEqual(offered(['ban', '--fo']), ['--for'], 'and options before it');
  });

  it('offers behind each verb what the command line takes there', () => {
    for (const { command } of commands) {
      for (const verb of verbsOf(command)) {
        const fitting = Object.entries(command.options).filter(([, option]) => isFitting(option, { verb }));
        const flags = [...fitting.map(([name]) => `--${name}`), '--help'];
        assert.deepEqual(offered([command.name, verb, '--']), flags, `${command.name} ${verb}`);
      }
    }
  });

  const skipWithout = (shell: string) => ({ skip: isHere(shell) ? false : `${shell} is not installed` });

  it('offers in zsh behind a verb the options that it takes and no others', skipWithout('zsh'), () => {
    for (const [line, options] of EXPECTED) {
      const words = ['sallyport', ...line, ''].map((word) => `'${word}'`).join(' ');
      const script = `compdef() { : }; _arguments() { print -rl -- "$@" }
        ${completionScript('zsh', commands)}
        words=(${words}); CURRENT=$#words; _sallyport`;
      const specs = execFileSync('zsh', ['-f'], { input: script, encoding: 'utf8' }).matchAll(/^\*--([a-z-]+)/gm);
      assert.deepEqual(
        [...specs].map(([, name]) => name),
        options,
        line.join(' '),
      );
    }
  });

  it('offers in fish behind a verb the options that it takes and no others', skipWithout('fish'), () => {
    for (const [line, options] of EXPECTED) {
      const script = `${completionScript('fish', commands)}\ncomplete -C 'sallyport ${line.join(' ')} --'`;
      const lines = execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' }).matchAll(
        /^--([a-z-]+)/gm,
      );
      assert.deepEqual([...lines].map(([, name]) => name).sort(), [...options].sort(), line.join(' '));
    }
  });

  it('is what zsh can read', skipWithout('zsh'), () => {
    execFileSync('zsh', ['-n'], { input: completionScript('zsh', commands) });
  });

  it('is what fish can read', skipWithout('fish'), () => {
    // It reads no script from the kind of pipe that it would get here.
    execFileSync('fish', ['--no-config', '--no-execute', '-c', completionScript('fish', commands)]);
  });

  it('names every command and every option in each shell', () => {
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell, commands);
      for (const { command } of commands) {
        assert.ok(script.includes(command.name), `${shell} ${command.name}`);
        for (const option of Object.keys(command.options)) {
          assert.ok(script.includes(shell === 'fish' ? `-l ${option}` : `--${option}`), `${shell} --${option}`);
        }
      }
    }
  });
});
