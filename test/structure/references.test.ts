import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertNone } from './assert-none.ts';
import { deadReferences } from './references.ts';
import { isGitCheckout, ROOT, readCommitted } from './source-tree.ts';

test('what the prose points at is there', { skip: isGitCheckout() ? false : 'not a git checkout' }, () => {
  assertNone(deadReferences(readCommitted(), (path) => existsSync(join(ROOT, path))));
});

test('canary: a dead link and a path that has moved are noticed', () => {
  const tree = new Map([
    [
      'docs/a.md',
      'See [b](../b.md), [here](#here), [c](c.md#part) and [the web](https://example.org/).\n`src/gone.ts`',
    ],
    ['src/a.ts', '// [x](nowhere.md)'],
  ]);
  assert.deepEqual(
    deadReferences(tree, (path) => path === 'b.md'),
    ['docs/a.md:1: c.md#part leads nowhere', 'docs/a.md:2: src/gone.ts leads nowhere'],
  );
});
