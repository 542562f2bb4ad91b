import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineEdits } from './line-edits.ts';
import { withValue } from './plan-sshd.ts';

test('lines that nobody edits stay as they are, with their line ends', () => {
  const edits = new LineEdits();
  edits.replace('/f', 2, 'B');
  edits.insertAfter('/f', 2, 'b1', 'b2');
  edits.append('/f', 'z');
  assert.equal(edits.applyTo('/f', '# a\r\nb\r\nc'), '# a\r\nB\r\nb1\r\nb2\r\nc\r\nz\r\n');
  assert.equal(edits.applyTo('/f', ''), 'z\n');
});

test('a value is replaced between its keyword and the comment behind it', () => {
  for (const [line, expected] of [
    ['PermitRootLogin yes', 'PermitRootLogin no'],
    ['  PermitRootLogin = "yes"  # why', '  PermitRootLogin = no  # why'],
    ['PermitRootLogin\tyes', 'PermitRootLogin\tno'],
    ['PermitRootLogin', 'PermitRootLogin no'],
  ] as const)
    assert.equal(withValue(line, 'no'), expected);
});
