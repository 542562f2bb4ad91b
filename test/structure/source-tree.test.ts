import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOnly, lineAt } from './source-tree.ts';

test('comments, strings and patterns are not code; what a template computes is', () => {
  const text = [
    'const a = 1; // Math.one',
    'const b = \'Math.two\' + "Math.three";',
    'const c = `Math.four ${ Math.five + `${Math.six} Math.seven` } Math.eight`;',
    'const d = /Math.nine["/]/.test(x) /* Math.ten */ / Math.eleven;',
    "const e = 'it\\'s'; Math.twelve;",
  ].join('\n');
  const found = [...codeOnly(text).matchAll(/Math\.(\w+)/g)].map((match) => match[1]);
  assert.deepEqual(found, ['five', 'six', 'eleven', 'twelve']);
});

test('blanking keeps every offset, so that a finding names its line', () => {
  const text = '/* a\nb */ one;\n\ntwo;';
  const code = codeOnly(text);
  assert.equal(code.length, text.length);
  assert.equal(lineAt(text, code.indexOf('one')), 2);
  assert.equal(lineAt(text, code.indexOf('two')), 4);
});
