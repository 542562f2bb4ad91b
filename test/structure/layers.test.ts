import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNone } from './assert-none.ts';
import { importCycles, importsOf, layerViolations } from './layers.ts';
import { readSources } from './source-tree.ts';

const sources = readSources('src');

test('imports point down, siblings do not know each other, and only transports open sockets', () => {
  assert.ok(sources.size > 0, 'no source was found');
  assertNone(layerViolations(sources));
});

test('no imports go in a circle', () => {
  assertNone(importCycles(sources));
});

test('canary: every kind of forbidden import is noticed', () => {
  const cases: [path: string, text: string, says: RegExp][] = [
    ['src/base/a.ts', "import { b } from '../mqtt/b.ts';", /base imports mqtt above it/],
    ['src/pipeline/a.ts', "import type { B } from '../transports/b.ts';", /pipeline imports transports above it/],
    ['src/pipeline/a.ts', "import {\n  type B,\n} from\n  '../app/b.ts';", /pipeline imports app above it/],
    ['src/policy/identity/a.ts', "export * from '../authorization/b.ts';", /are siblings/],
    ['src/broker/a.ts', "import { b } from '../policy/identity/b.ts';", /are siblings/],
    ['src/policy/limits/a.ts', "const b = await import('../../broker/b.ts');", /are siblings/],
    ['src/broker/a.ts', "new Worker(new URL('../app/b.ts', import.meta.url));", /broker imports app above it/],
    ['src/broker/a.ts', "import { connect } from 'node:net';", /broker opens no socket/],
    ['src/base/a.ts', "import { isIP, Socket } from 'node:net';", /base opens no socket/],
    ['src/pipeline/a.ts', "import { WebSocket } from 'ws';", /pipeline opens no socket/],
    ['src/policy/identity/a.ts', "import { readFileSync } from 'node:fs';", /no input or output/],
    ['src/cellar/a.ts', '', /no room of the design/],
    ['src/a.ts', '', /no room of the design/],
    ['src/app/a.ts', "import { b } from '../../test/kit/b.ts';", /from outside src/],
    ['src/app/a.ts', "import '../broker/b.test.ts';", /imports a test/],
  ];
  for (const [path, text, says] of cases) {
    const found = layerViolations(new Map([[path, text]]));
    assert.equal(found.length, 1, `${path}: ${text}`);
    assert.match(found[0]!, says);
  }
});

test('canary: what the design allows is not forbidden', () => {
  const allowed = new Map([
    ['src/cli/a.ts', "import { b } from '../app/b.ts';\nimport { c } from '../base/c.ts';\nimport 'node:net';"],
    ['src/broker/a.ts', "import { b } from '../mqtt/b.ts';\nimport { c } from './sub/c.ts';\nimport 'node:sqlite';"],
    ['src/policy/identity/a.ts', "import { b } from './b.ts';"],
    ['src/base/a.ts', "import { BlockList, isIP } from 'node:net';"],
    ['src/broker/a.test.ts', "import { b } from '../../test/kit/b.ts';\nimport 'node:net';"],
  ]);
  assert.deepEqual(layerViolations(allowed), []);
});

test('canary: a circle of imports is noticed, through types and across folders', () => {
  const circle = new Map([
    ['src/base/a.ts', "import type { B } from './deep/b.ts';"],
    ['src/base/deep/b.ts', "import { c } from '../c.ts';"],
    ['src/base/c.ts', "export { a } from './a.ts';"],
  ]);
  assert.deepEqual(importCycles(circle), ['src/base/a.ts -> src/base/deep/b.ts -> src/base/c.ts -> src/base/a.ts']);
});

test('canary: the word import in prose is not an import', () => {
  assert.deepEqual(importsOf("// we import things from 'elsewhere'\nconst from = 'x';"), []);
});
