import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileFaultError } from '../base/file-fault.ts';
import { textOf } from './text-file.ts';

test('a text is taken as it is, its mark included', () => {
  assert.equal(textOf(Buffer.from('\ufeffäöü\r\n'), 'acl'), '\ufeffäöü\r\n');
});

test('what is no UTF-8 is refused with its line', () => {
  assert.throws(
    () => textOf(Buffer.from('a\nb\nm\xfcll\n', 'latin1'), 'acl'),
    (error) => error instanceof FileFaultError && error.message.startsWith('acl:3:1: This is not UTF-8 text.'),
  );
});
