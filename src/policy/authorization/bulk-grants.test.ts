/** Policies read in bulk against the same policies read by the YAML library alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FileFaultError } from '../../base/file-fault.ts';
import { parsePolicyFile } from './policy-file.ts';

/** The policy, or its faults. */
function read(text: string, bulkMinChars: number): unknown {
  try {
    return parsePolicyFile(text, 'p', { bulkMinChars });
  } catch (error) {
    assert.ok(error instanceof FileFaultError, String(error));
    return error.faults;
  }
}

const BULK = 0;
const WHOLE = Number.POSITIVE_INFINITY;

const entry = fc.constantFrom(
  '- allow: publish\n  topics: a/${username}/#\n',
  '- deny: [publish, receive]\n  topics: $SYS/x\n',
  '- allow: subscribe\n  topics:\n    - a/b\n    - c/+/d@e\n',
  '- allow: subscribe\n  topics:\n  - a/b\n  - c\n',
  '- allow: publish\r\n  topics: a\r\n',
  '- allow: publish\n  topics: "quoted"\n',
  '- allow: publish # a comment\n  topics: a\n',
  '- allow: publish\n  topics: a # a comment\n',
  '- allow: publish\n  topics: a:b\n',
  '- allow: publish\n  topics: a b\n',
  '- allow: publish\n  topics: a\n    b\n',
  '- allow: publish\n  topics: a\n  when: { qos: 1 }\n',
  '- topics: a\n  allow: publish\n',
  '- { allow: publish, topics: [a, "b/#"] }\n',
  '- allow: publish\n  topics: [a,\n    b]\n',
  '-\n  allow: publish\n  topics: a\n',
  '\n',
  '# a comment\n',
  '  # - allow: publish\n',
  '- allow: publish\n\n  topics: a\n',
);
const wrong = fc.constantFrom(
  '- allow: publsh\n  topics: a\n',
  '- allow: publish\n  topics: a#\n',
  '- allow: publish\n  topics: "open\n',
  '- allow: publish\n   topics: a\n',
  '- allow: &x publish\n  topics: a\n',
  '- x\n',
  '- allow: publish\n',
  '- allow: publish\n  topics: ${user}\n',
);

function indented(text: string, indent: number): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(indent));
}

function policyOf(entries: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const role = fc
    .tuple(fc.array(entries, { maxLength: 6 }), fc.constantFrom(4, 6, 8), fc.boolean())
    .map(([list, indent, described]) => {
      const description = described ? '    description: It\n      does.\n' : '';
      return `${description}    grants:\n${indented(list.join(''), indent)}`;
    });
  return fc
    .array(role, { minLength: 1, maxLength: 3 })
    .map(
      (roles) =>
        `roles:\n${roles.map((text, i) => `  r${i}:\n${text}`).join('')}assignments:\n  - { roles: r0, to: everyone }\n`,
    );
}

test('a policy read in bulk is the policy that the library reads, line by line', () => {
  fc.assert(
    fc.property(policyOf(entry), (text) => {
      const policy = read(text, WHOLE);
      assert.ok(!Array.isArray(policy), JSON.stringify(policy));
      assert.deepEqual(read(text, BULK), policy);
    }),
    { numRuns: 2000 },
  );
});

test('what the library refuses is refused in bulk', () => {
  fc.assert(
    fc.property(policyOf(fc.oneof(entry, wrong)), (text) => {
      assert.equal(Array.isArray(read(text, BULK)), Array.isArray(read(text, WHOLE)), text);
    }),
    { numRuns: 2000 },
  );
});

test('any lines that look like grants are read as the library reads them, or refused', () => {
  const line = fc.constantFrom(
    'roles:',
    '  r:',
    '    grants:',
    '      - allow: publish',
    '        topics: a',
    '        topics:',
    '          - a',
    '      - x',
    '    description: |',
    '    description: "',
    '      "',
    '  s:',
    'grants:',
    '',
    '      # c',
    '---',
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 14 }), (lines) => {
      const text = `${lines.join('\n')}\n`;
      const bulk = read(text, BULK);
      if (!Array.isArray(bulk)) assert.deepEqual(bulk, read(text, WHOLE));
    }),
    { numRuns: 5000 },
  );
});

test('a fault in bulk is told where it stands', () => {
  const good = '      - allow: publish\n        topics: a\n'.repeat(1000);
  const faults = read(
    `roles:\n  r:\n    grants:\n${good}      - allow: publish\n        topics: a#\n${good}  s: { grant: x }\n`,
    BULK,
  );
  assert.partialDeepStrictEqual(faults, [
    { line: 2005, column: 18 },
    { line: 4006, column: 8 },
  ]);
});

test('a list of grants that is no part of a role is refused', () => {
  const text =
    'roles:\n  r:\n    description: |\n      x\n      grants:\n        - allow: publish\n          topics: a\n';
  assert.partialDeepStrictEqual(read(text, BULK), [{ line: 5 }]);
});
