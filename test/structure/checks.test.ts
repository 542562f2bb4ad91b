import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHECKS_PAGE, renderChecks } from '../../scripts/checks.ts';
import { allChecks, SUBJECTS } from '../../src/assurance/audit/registry.ts';

test('docs/checks.md is what scripts/checks.ts writes', () => {
  const isCurrent = readFileSync(CHECKS_PAGE, 'utf8') === renderChecks();
  assert.ok(isCurrent, 'docs/checks.md is out of date: run node scripts/checks.ts');
});

test('identifiers of checks are of their family, and none is used twice', () => {
  const ids = allChecks().map(({ id }) => id);
  assert.deepEqual(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  );
  for (const { families } of SUBJECTS) {
    for (const { letter, checks } of families) {
      for (const { id } of checks) assert.match(id, new RegExp(`^${letter}\\d{2}$`));
    }
  }
});

test('every check says why it matters, what to do, and what that changes', () => {
  for (const { id, title, why, remediation } of allChecks()) {
    for (const text of [why, remediation.text, remediation.impact]) assert.match(text, /^\S.+[.]$/s, `${id}: ${text}`);
    assert.doesNotMatch(title, /[.]$/, id);
  }
});
