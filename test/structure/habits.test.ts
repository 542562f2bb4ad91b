import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertNone } from './assert-none.ts';
import {
  badNames,
  bannedCalls,
  leftovers,
  longFiles,
  miscountedDependencies,
  missingPurpose,
  undocumentedDependencies,
  unlockedPackages,
  workshopTraces,
} from './habits.ts';
import { isGitCheckout, ROOT, readCommitted, readSources, type SourceTree } from './source-tree.ts';

const sources = readSources('src');
const everything = readSources('src', 'test', 'fuzz', 'scripts', 'bin', 'bench');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const one = (path: string, text: string): SourceTree => new Map([[path, text]]);

test('time and chance come in by the door', () => {
  assert.ok(sources.size > 0, 'no source was found');
  assertNone(bannedCalls(sources));
});

test('canary: a clock or a die of its own is noticed, where it is code', () => {
  for (const call of [
    'Date.now()',
    'new Date()',
    'performance.now()',
    'process.hrtime.bigint()',
    'setTimeout(run, 1)',
    'setInterval(run, 1)',
    'Math.random()',
    'setImmediate(run)',
    'console.log(1)',
  ]) {
    assert.equal(bannedCalls(one('src/pipeline/a.ts', `// fine\nconst x = ${call};`)).length, 1, call);
    assert.deepEqual(bannedCalls(one('src/pipeline/a.ts', `// ${call}\nconst x = '${call}';`)), [], call);
    assert.deepEqual(bannedCalls(one('src/pipeline/a.test.ts', `${call};`)), [], call);
  }
  assert.deepEqual(bannedCalls(one('src/base/clock.ts', 'Date.now();')), []);
  assert.deepEqual(bannedCalls(one('src/transports/a.ts', 'setImmediate(run);')), []);
  assert.deepEqual(bannedCalls(one('src/transports/a.ts', 'new Date(epochMs);')), []);
});

test('names are kebab-case and say what a thing is', () => {
  assertNone(badNames(everything));
});

test('canary: a bad name is noticed', () => {
  for (const path of ['src/base/clockUtil.ts', 'src/app/Config.ts', 'src/app/a_b.ts']) {
    assert.equal(badNames(one(path, '')).length, 1, path);
  }
  for (const path of ['src/app/config-utils.ts', 'src/helpers/a.ts', 'src/app/session-manager.test.ts']) {
    assert.equal(badNames(one(path, '')).length, 1, path);
  }
  assert.deepEqual(badNames(one('src/mqtt/publish-view.test.ts', '')), []);
});

test('every file opens with a sentence of purpose', () => {
  assertNone(missingPurpose(everything));
});

test('canary: a file without a purpose is noticed', () => {
  for (const text of [
    "import 'node:fs';\n/** Late but whole sentence. */",
    '/** Short. */',
    '/** Without an end */',
    '',
  ]) {
    assert.equal(missingPurpose(one('src/app/a.ts', text)).length, 1, text);
  }
  for (const text of [
    '/** Says what it is. */',
    '// Says what\n// it is.\n',
    '#!/usr/bin/env node\n/**\n * What it\n * is.\n */',
  ]) {
    assert.deepEqual(missingPurpose(one('src/app/a.ts', text)), [], text);
  }
});

test('files stay small', () => {
  assertNone(longFiles(everything));
});

test('canary: a long file is noticed', () => {
  assert.equal(longFiles(one('src/app/a.ts', 'x\n'.repeat(601))).length, 1);
  assert.equal(longFiles(one('src/app/a.test.ts', 'x\n'.repeat(1501))).length, 1);
  assert.deepEqual(longFiles(one('src/app/a.ts', 'x\n'.repeat(600))), []);
});

test('nothing is left for later, and no test runs alone', () => {
  assertNone(leftovers(everything));
});

test('canary: what is left for later is noticed', () => {
  assert.equal(leftovers(one('src/app/a.ts', `// ${'TO'}${'DO'}: later`)).length, 1);
  assert.equal(leftovers(one('src/app/a.test.ts', `test.${'only'}('x')`)).length, 1);
});

test('every dependency says in docs/dependencies.md why it is there', () => {
  const manifests = [read('package.json'), read('runtime/package.json')];
  assertNone(undocumentedDependencies(manifests, read('docs/dependencies.md')));
});

test('canary: an unexplained dependency and a stale explanation are noticed', () => {
  const manifest = JSON.stringify({ dependencies: { told: '1' }, devDependencies: { untold: '1' } });
  assert.deepEqual(undocumentedDependencies([manifest], '| `told` | why |\n| `gone` | why |\n'), [
    'untold: has no row in docs/dependencies.md',
    'gone: has a row but is no dependency',
  ]);
});

test('the lockfile holds every package that its packages name', () => {
  assertNone(unlockedPackages(read('package-lock.json')));
});

test('canary: a package that is missing from the lockfile is noticed', () => {
  const packages = {
    '': { dependencies: { a: '1' } },
    'node_modules/a': { dependencies: { b: '1' }, optionalDependencies: { 'a-other-platform': '1' } },
    'node_modules/a/node_modules/b': { dependencies: { a: '1' } },
  };
  assert.deepEqual(unlockedPackages(JSON.stringify({ packages })), [
    'node_modules/a: a-other-platform is not in the lockfile',
  ]);
});

test('docs/dependencies.md counts what each dependency brings', () => {
  assertNone(miscountedDependencies(read('package-lock.json'), read('docs/dependencies.md')));
});

test('canary: a wrong count is noticed', () => {
  const packages = {
    '': { dependencies: { a: '1' } },
    'node_modules/a': { dependencies: { b: '1' }, optionalDependencies: { 'a-linux': '1' } },
    'node_modules/a-linux': { os: ['linux'] },
    'node_modules/b': { dependencies: { a: '1' } },
  };
  const lockfile = JSON.stringify({ packages });
  assert.deepEqual(miscountedDependencies(lockfile, '| `a` | 1 | why |'), []);
  assert.deepEqual(miscountedDependencies(lockfile, '| `a` | 2 | why |'), ['a brings 1 packages, not 2']);
});

test('no committed text tells where it was made', { skip: isGitCheckout() ? false : 'not a git checkout' }, () => {
  assertNone(workshopTraces(readCommitted()));
});

test('canary: a trace of the workshop is noticed', () => {
  const host = ['registry', 'example', 'org'].join('.');
  assert.equal(workshopTraces(one('a.md', `see https://${host}/x`)).length, 1);
  assert.equal(workshopTraces(one('a.md', `see ${['', 'work', 'main'].join('/')}`)).length, 1);
  assert.deepEqual(workshopTraces(one('a.md', 'topics such as plant/work/line and /etc/sallyport')), []);
});
