import assert from 'node:assert/strict';
import { it } from 'node:test';
import { complaint } from './fields.ts';

it('a complaint repeats no password of a URL', () => {
  for (const url of ['https://ann:hunter2@id.example', 'https://hunter2@id.example/x', 'redis://:hunter2@h']) {
    const says = complaint(url, 'another');
    assert.doesNotMatch(says, /hunter2/);
    assert.match(says, /^"(https|redis):\/\/…@.* is not allowed: give another$/);
  }
  assert.equal(complaint('https://id.example/@x', 'another'), '"https://id.example/@x" is not allowed: give another');
});
