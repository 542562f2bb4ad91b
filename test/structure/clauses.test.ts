import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Clause,
  findMentions,
  gaps,
  readSpecifications,
  readTagged,
  render,
  type Specification,
  unknownTags,
} from '../../scripts/clauses.ts';
import { assertNone } from './assert-none.ts';
import { ROOT } from './source-tree.ts';

const specifications = readSpecifications();
const mentions = findMentions(readTagged());

for (const specification of specifications) {
  test(`${specification.name}: the list is in the specification's order and names no clause twice`, () => {
    const keys = specification.clauses.map((clause) => {
      const match = /^MQTT-(\d+)\.(\d+)\.(\d+)-(\d+)$/.exec(clause.id);
      assert.ok(match, clause.id);
      return match.slice(1).reduce((key, part) => key * 1000 + Number(part), 0);
    });
    for (let i = 1; i < keys.length; i++) assert.ok(keys[i]! > keys[i - 1]!, specification.clauses[i]!.id);
  });

  test(`${specification.name}: no clause is an unexplained gap`, () => {
    assertNone(gaps(specification, mentions));
  });

  test(`${specification.name}: the table is what scripts/clauses.ts writes`, () => {
    const isCurrent = readFileSync(join(ROOT, `${specification.path}.md`), 'utf8') === render(specification, mentions);
    assert.ok(isCurrent, `${specification.path}.md is out of date: run node scripts/clauses.ts`);
  });
}

test('the lists are whole: as many clauses as the specifications have', () => {
  assert.deepEqual(
    specifications.map((one) => [one.name, one.clauses.length]),
    [
      ['MQTT 5.0', 251],
      ['MQTT 3.1.1', 141],
    ],
  );
});

test('every tag in the code names a clause', () => {
  assertNone(unknownTags(specifications, mentions));
});

const clause = (id: string, note?: string): Clause => ({ id, says: 'x', party: 'server', ...(note ? { note } : {}) });
const madeUp = (...clauses: Clause[]): Specification => ({ name: 'x', path: 'x', prefix: 'MQTT311-', clauses });

test('canary: a slip in a tag is noticed, and the specifications are told apart', () => {
  const slips = new Map([
    ['src/a.ts', '[MQTT311-1.0.0-9]'],
    ['src/a.test.ts', '[MQTT-1.0.0-1]'],
  ]);
  assert.deepEqual(unknownTags([madeUp(clause('MQTT-1.0.0-1'))], findMentions(slips)), [
    'MQTT311-1.0.0-9 in src/a.ts',
    'MQTT-1.0.0-1 in src/a.test.ts',
  ]);
});

test('canary: code alone does not close a gap; a test or a note does', () => {
  const files = new Map([
    ['src/a.ts', "fault('x', 1, 'MQTT311-1.0.0-1', 'y'); // [MQTT311-1.0.0-2]"],
    ['src/a.test.ts', '// [MQTT311-1.0.0-2]'],
  ]);
  const one = madeUp(clause('MQTT-1.0.0-1'), clause('MQTT-1.0.0-2'), clause('MQTT-1.0.0-3', 'why'));
  assert.deepEqual(gaps(one, findMentions(files)), ['MQTT311-1.0.0-1 (server): x']);
});
