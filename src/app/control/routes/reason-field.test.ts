import assert from 'node:assert/strict';
import { it } from 'node:test';
import { demandedReasonField, reasonField } from './reason-field.ts';

it('a reason is one line', () => {
  for (const field of [reasonField(), demandedReasonField()]) {
    assert.ok(field.safeParse('scans our topics, again: «was» 🙂').success);
    for (const text of ['two\nlines', 'a\r', '\u001b[2J', '\u009b2J', 'a\u2028b', 'x'.repeat(301), '\0'])
      assert.equal(field.safeParse(text).success, false, JSON.stringify(text));
  }
  assert.ok(reasonField().safeParse('').success);
  assert.equal(demandedReasonField().safeParse('').success, false);
});
