import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { describeFailures, failedStage, readFailures } from './failed-tests.mjs';
import { ROOT } from './toolchain.mjs';

const FILES = {
  'red.test.mjs': `
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
describe('outer', () => {
  describe('inner', () => {
    it('differs', () => assert.deepEqual({ a: 1 }, { a: 2 }));
    it('passes', () => {});
    it('is left for later', { todo: true }, () => assert.fail('no news'));
  });
  it('has words of its own', () => assert.match('two', /three/, 'a third is missing'));
  it('has a cause', () => Promise.reject(new Error('above', { cause: new Error('below') })));
});
it('takes too long', { timeout: 50 }, () => new Promise((resolve) => setTimeout(resolve, 1000)));
`,
  'dies.test.mjs': `
import { it } from 'node:test';
it('is fine', () => {});
it('pulls the plug', () => new Promise(() => setTimeout(() => {
  process.stderr.write('the last words\\n', () => process.kill(process.pid, 'SIGKILL'));
}, 50)));
`,
  'does-not-load.test.mjs': `throw new Error('not loaded');\n`,
};

describe('the end of a test run', () => {
  let directory;
  let failures;
  const failure = (name) => {
    const found = failures.filter((one) => one.name === name);
    assert.equal(found.length, 1, `once: ${name}`);
    return found[0];
  };

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sallyport-failed-'));
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(directory, name), text);
    // A runner that runs in a test of another believes it is that one's child.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const reporter = `--test-reporter=${join(ROOT, 'scripts/failed-tests.mjs')}`;
    const paths = Object.keys(FILES).map((name) => join(directory, name));
    const { stdout } = spawnSync(process.execPath, ['--test', reporter, ...paths], { env, encoding: 'utf8' });
    failures = readFailures(stdout);
  });
  after(() => rmSync(directory, { recursive: true }));

  it('tells every test that failed, and neither its suites nor what is left for later', () => {
    const names = ['outer > inner > differs', 'outer > has words of its own', 'outer > has a cause', 'takes too long'];
    assert.deepEqual(
      failures.filter(({ file }) => file.endsWith('red.test.mjs')).map(({ name }) => name),
      names,
    );
    assert.equal(failures.length, names.length + 2);
  });

  it('tells where, what was compared, and the line of the test', () => {
    const { file, line, message, frames } = failure('outer > inner > differs');
    assert.deepEqual([file, line], [join(directory, 'red.test.mjs'), 6]);
    assert.match(message, /^AssertionError: Expected values.*\+ {3}a: 1\n- {3}a: 2/s);
    assert.equal(frames.length, 1);
    assert.match(frames[0], /red\.test\.mjs:6:32/);
  });

  it('tells what was compared where the message does not', () => {
    const { message } = failure('outer > has words of its own');
    assert.equal(message, 'AssertionError: a third is missing\nexpected: /three/\nactual: two');
  });

  it('tells the cause of an error, and of a test that never ended', () => {
    assert.equal(failure('outer > has a cause').message, 'Error: above\nbecause of Error: below');
    assert.equal(failure('takes too long').message, 'test timed out after 50ms');
  });

  it('tells what a file that died was doing, and its last words', () => {
    const died = failures.find(({ file }) => file.endsWith('dies.test.mjs'));
    assert.equal(
      died.message,
      'test failed (exit code null, signal SIGKILL)\nwhile it ran: pulls the plug\nthe last words',
    );
    const unloaded = failures.find(({ file }) => file.endsWith('does-not-load.test.mjs'));
    assert.match(unloaded.message, /exit code 1.*\nError: not loaded\n/s);
  });

  it('describes them with their places, each error cut to its first lines', () => {
    const message = Array.from({ length: 30 }, (_, i) => `line ${i}`).join('\n');
    const text = describeFailures([
      { file: 'a.test.ts', line: 3, name: 'x > y', message, frames: ['at a.test.ts:4:1'] },
    ]);
    const lines = text.split('\n');
    assert.equal(lines[0], '✖ a.test.ts:3: x > y');
    assert.deepEqual(lines.slice(12), ['    line 11', '    … 18 more lines', '    at a.test.ts:4:1']);
  });

  it('has a ceiling on failures and on the length of a line', () => {
    const one = { name: 'n', message: 'x'.repeat(10_000), frames: [] };
    const text = describeFailures(Array.from({ length: 50 }, () => one));
    assert.equal(text.match(/✖/g).length, 20);
    assert.match(text, /\n… and 30 more$/);
    assert.ok(text.length < 10_000);
  });

  it('tells the last lines of a command that failed as a whole', () => {
    const output = Array.from({ length: 40 }, (_, i) => `\u001b[31mline ${i}\u001b[0m\n\n`).join('');
    const [head, ...said] = describeFailures([failedStage('types (tsc)', output)]).split('\n');
    assert.equal(head, '✖ types (tsc)');
    assert.equal(said.length, 12);
    assert.equal(said.at(-1), '    line 39');
  });

  it('reads what a runner that was killed has left', () => {
    assert.deepEqual(readFailures('{"name":"a"}\n{"na'), [{ name: 'a' }]);
  });
});
