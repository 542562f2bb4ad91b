import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FileFault, FileFaultError } from '../../base/file-fault.ts';
import { checkTopicFilter } from '../../mqtt/topic.ts';
import { parseAclFile } from './acl-file.ts';

function faultsOf(text: string): readonly FileFault[] {
  try {
    parseAclFile(text, 'acl');
  } catch (error) {
    assert.ok(error instanceof FileFaultError);
    return error.faults;
  }
  return assert.fail(`accepted: ${text.slice(0, 80)}`);
}

test('every kind of line is read as Mosquitto reads it', () => {
  const { rules } = parseAclFile(
    [
      '# comment',
      'topic read public/#',
      '',
      'user alice',
      'topic alice/in',
      'topic write alice/out/+',
      'topic readwrite a topic with blanks',
      'topic deny alice/out/secret',
      'user a b',
      'topic   read    spaced/out   ',
      'pattern write dev/%c/%u/x-%u',
      'user alice',
      'topic $SYS/broker/uptime',
    ].join('\n'),
    'acl',
  );
  assert.deepEqual(
    rules.map(({ line, kind, username, access, filter }) => [line, kind, username, access, filter]),
    [
      [2, 'topic', undefined, 'read', 'public/#'],
      [5, 'topic', 'alice', 'readwrite', 'alice/in'],
      [6, 'topic', 'alice', 'write', 'alice/out/+'],
      [7, 'topic', 'alice', 'readwrite', 'a topic with blanks'],
      [8, 'topic', 'alice', 'deny', 'alice/out/secret'],
      [10, 'topic', 'a b', 'read', 'spaced/out'],
      [11, 'pattern', undefined, 'write', 'dev/%c/%u/x-%u'],
      [13, 'topic', 'alice', 'readwrite', '$SYS/broker/uptime'],
    ],
  );
});

test('CRLF, a byte order mark, blank space at line ends and indented comments change nothing', () => {
  const { rules } = parseAclFile('\ufefftopic read a\r\n\t \r\n  # note\twith tab\r\ntopic write b \t\r\n', 'acl');
  assert.deepEqual(
    rules.map(({ line, access, filter }) => [line, access, filter]),
    [
      [1, 'read', 'a'],
      [4, 'write', 'b'],
    ],
  );
});

test('a file without rules is valid', () => {
  assert.deepEqual(parseAclFile('', 'acl').rules, []);
  assert.deepEqual(parseAclFile('# nothing\nuser alice\n', 'acl').rules, []);
});

test('empty levels, a lone slash and a lone wildcard are filters', () => {
  const { rules } = parseAclFile('topic /\ntopic //a\ntopic +\ntopic #\ntopic +/+/#', 'acl');
  assert.deepEqual(
    rules.map(({ filter }) => filter),
    ['/', '//a', '+', '#', '+/+/#'],
  );
});

const broken: [line: string, column: number, says: RegExp, cure: RegExp][] = [
  ['topci read a', 1, /"topci" is no keyword/, /did you mean topic\?/],
  ['  usr alice', 3, /"usr" is no keyword/, /did you mean user\?/],
  ['allow all', 1, /"allow" is no keyword/, /begins with user, topic, pattern or #\.$/],
  ['topic', 6, /filter is missing/, /`topic readwrite <filter>`/],
  ['topic read', 11, /filter is missing/, /`topic read <filter>`/],
  ['pattern deny', 13, /filter is missing/, /`pattern deny <filter>`/],
  ['topic raed a', 7, /"raed" is no access/, /did you mean read\?/],
  ['topic READ a', 7, /"READ" is no access/, /did you mean read\?/],
  ['topic my topic', 7, /"my" is no access/, /`topic readwrite my topic`/],
  ['topic read a/b#', 15, /"#"/, /alone, at the end/],
  ['topic read a/#/b', 14, /"#"/, /alone, at the end/],
  ['topic a/+b', 9, /"\+"/, /alone between/],
  ['topic read b+', 13, /"\+"/, /alone between/],
  ['topic read $share/g/a', 12, /\$share/, /behind/],
  ['topic read a/%u/b', 14, /"%u" literally/, /`pattern`/],
  ['topic deny %c', 12, /"%c" literally/, /`pattern`/],
  ['user', 5, /user name is missing/, /`user <name>`/],
  ['user a/b', 7, /"\/" in it/, /Rename/],
  ['user #', 6, /"#" in it/, /Rename/],
  ['topic\tread a', 6, /a tab/, /blanks/],
  ['topic read a\u0000b', 13, /control character/, /blanks/],
  [`topic ${'a/'.repeat(200)}`, 7, /more than 200 levels/, /Shorten/],
  [`topic ${'é'.repeat(32_768)}`, 7, /longer than MQTT/, /Shorten/],
];
for (const [line, column, says, cure] of broken) {
  test(`a broken line is refused with column and cure: ${JSON.stringify(line.slice(0, 40))}`, () => {
    const [fault, ...more] = faultsOf(`# first\n${line}\n`);
    assert.deepEqual([fault!.file, fault!.line, fault!.column], ['acl', 2, column]);
    assert.match(fault!.says, says);
    assert.match(fault!.cure, cure);
    assert.deepEqual(more, []);
  });
}

test('all broken lines are reported, not only the first', () => {
  const faults = faultsOf(broken.map(([line]) => line).join('\n'));
  assert.deepEqual(
    faults.map(({ line, column }) => [line, column]),
    broken.map(([, column], index) => [index + 1, column]),
  );
});

test('a file of broken lines makes a bounded report', () => {
  const faults = faultsOf('x\n'.repeat(100_000));
  assert.equal(faults.length, 100);
  assert.ok(new FileFaultError(faults).message.length < 10_000);
});

test('levels with placeholders have a ceiling', () => {
  const lines = (count: number): string => Array.from({ length: count }, (_, i) => `pattern x/${i}-%u`).join('\n');
  assert.equal(parseAclFile(lines(1000), 'acl').rules.length, 1000);
  const [fault] = faultsOf(lines(1001));
  assert.equal(fault!.line, 1001);
  assert.equal(parseAclFile('pattern read %u/%c\n'.repeat(2000), 'acl').rules.length, 2000);
});

test('a line of a million characters, or of a million blanks, is read in one go', () => {
  assert.equal(faultsOf('x'.repeat(1_000_000)).length, 1);
  assert.equal(parseAclFile(`topic read a${' '.repeat(1_000_000)}\n`, 'acl').rules[0]!.filter, 'a');
  assert.match(faultsOf(`topic read a${' '.repeat(1_000_000)}b`)[0]!.says, /longer than MQTT/);
});

test('any text is either rules or faults', () => {
  const text = fc
    .array(
      fc.constantFrom(
        'user',
        'topic',
        'pattern',
        'read',
        'deny',
        ' ',
        '\n',
        '#',
        '+',
        '/',
        '%u',
        '%c',
        '\t',
        '\r\n',
        'a',
      ),
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (anything) => {
      try {
        for (const { filter } of parseAclFile(anything, 'acl').rules) assert.equal(checkTopicFilter(filter), undefined);
      } catch (error) {
        assert.ok(error instanceof FileFaultError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
