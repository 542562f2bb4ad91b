import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { before, describe, it } from 'node:test';
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

  for (const shell of ['zsh', 'fish'] as const) {
    it(`is what ${shell} can read`, { skip: isHere(shell) ? false : `${shell} is not installed` }, () => {
      execFileSync(shell, ['-n'], { input: completionScript(shell, commands) });
    });
  }

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
