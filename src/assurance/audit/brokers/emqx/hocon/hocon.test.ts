import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FixtureSystem, type MadeSystem } from '../../../../../../test/kit/audited-system.ts';
import { loadHocon } from './load.ts';
import { parseHocon } from './parse.ts';
import { resolveHocon } from './resolve.ts';
import { HoconFault, type HoconValue } from './tree.ts';

function plain(value: HoconValue): unknown {
  if (value.kind === 'text') return value.text;
  if (value.kind === 'array') return value.items.map(plain);
  return Object.fromEntries([...value.fields].map(([name, inner]) => [name, plain(inner)]));
}

function resolve(text: string, environment: Readonly<Record<string, string>> = {}): HoconValue {
  const place = { file: '/f', line: 1 };
  return resolveHocon(parseHocon('/f', text), place, (one) => [one], new Map(Object.entries(environment)));
}

const read = (text: string, environment?: Readonly<Record<string, string>>): unknown =>
  plain(resolve(text, environment));

const MEANINGS: readonly (readonly [says: string, text: string, meaning: unknown])[] = [
  ['a path is nested objects', 'a.b = 1\na.c = 2', { a: { b: '1', c: '2' } }],
  ['a brace needs no sign of equality', 'a { b : 1 }', { a: { b: '1' } }],
  ['braces around the whole are none', '{ "a": 1, "b": [1, 2,], }', { a: '1', b: ['1', '2'] }],
  ['the later one holds', 'a = 1\na = 2', { a: '2' }],
  ['objects are merged', 'a = { b = 1, c = 2 }\na = { c = 3 }', { a: { b: '1', c: '3' } }],
  ['an object after a text takes its place', 'a = 1\na { b = 2 }', { a: { b: '2' } }],
  ['a path goes into an object that was given before', 'a = { b = 1 }\na.c = 2', { a: { b: '1', c: '2' } }],
  ['comments end with the line', '# one\na = 1 # two\nb = 2 // three\n// four', { a: '1', b: '2' }],
  ['words side by side are one text', 'a = one two   three ', { a: 'one two   three' }],
  ['addresses need no quotes', 'a = emqx@127.0.0.1\nb = 0.0.0.0:1883', { a: 'emqx@127.0.0.1', b: '0.0.0.0:1883' }],
  ['escapes', 'a = "x\\n\\u0041\\"\\\\"', { a: 'x\nA"\\' }],
  ['triple quotes take the text as it is', 'a = """x "y"\n\\n"""\nb = 1', { a: 'x "y"\n\\n', b: '1' }],
  ['triple quotes with tildes lose the indentation', 'a = """~\n    x\n      y\n  ~"""', { a: 'x\n  y\n' }],
  ['names in quotes may hold dots', '"a.b".c = 1', { 'a.b': { c: '1' } }],
  ['an optional substitution of nothing is nothing', 'a = ${?NONE}\nb = [${?NONE}, 1]', { b: ['1'] }],
  ['it leaves what was there before', 'a = 1\na = ${?NONE}', { a: '1' }],
  ['a substitution finds what stands later', 'a = ${b.c}\nb { c = 1 }\nb.c = 2', { a: '2', b: { c: '2' } }],
  ['objects side by side are merged', 'a = { x = 1 }\nb = ${a} { y = 2 }', { a: { x: '1' }, b: { x: '1', y: '2' } }],
  ['a value may refer to what it was', 'a = [1]\na = ${a} [2]', { a: ['1', '2'] }],
  ['+= appends', 'a += 1\na += { b = 2 }\na += 3', { a: ['1', { b: '2' }, '3'] }],
  [
    'an object of numbers changes items of an array',
    'a = [{ x = 1 }, 2]\na { 1 { y = 3 } }',
    { a: [{ x: '1', y: '3' }, '2'] },
  ],
  ['values may begin on the next line', 'a =\n  1\nb = [\n1\n2\n]', { a: '1', b: ['1', '2'] }],
];

for (const [says, text, meaning] of MEANINGS) {
  test(`${says}`, () => assert.deepEqual(read(text), meaning));
}

test('two slashes begin a comment where no quotes hold them', () => {
  assert.deepEqual(read('a = "http://h # y"\nb = x //h'), { a: 'http://h # y', b: 'x' });
});

test('the environment answers what the files do not', () => {
  assert.deepEqual(read('a = ${?HOME_OF}\nb = ${HOME_OF}"/x"', { HOME_OF: '/h' }), { a: '/h', b: '/h/x' });
});

test('every value knows its line', () => {
  const root = resolve('# one\na {\n  b = """x\ny"""\n  c = 1\n}');
  assert.ok(root.kind === 'object');
  const a = root.fields.get('a');
  assert.ok(a?.kind === 'object');
  assert.deepEqual([a.fields.get('b')?.place.line, a.fields.get('c')?.place.line], [3, 5]);
});

const FAULTS: readonly (readonly [says: string, text: string, fault: RegExp])[] = [
  ['a brace that is not closed', 'a {\n b = 1', /^\/f:2: A brace is not closed/],
  ['a brace too many', 'a = 1\n}', /^\/f:2: A brace is closed that was not opened/],
  ['a bracket that is not closed', 'a = [1, 2', /^\/f:1: A bracket is not closed/],
  ['quotes that are not closed', 'a = "x\nb = 1', /^\/f:1: A text in quotes is not closed/],
  ['triple quotes that are not closed', 'a = """x\n', /^\/f:1: A text in triple quotes/],
  ['a file cut off in a setting', 'a = 1\nb', /^\/f:2: A setting needs =/],
  ['a file cut off before a value', 'a = 1\nb =', /^\/f:2: A value is missing/],
  ['a substitution of nothing', 'a = 1\nb = ${c}', /^\/f:2: \$\{c\} is nowhere set/],
  ['a circle of substitutions', 'a = ${b}\nb = ${a}', /is nowhere set, or refers to itself/],
  ['a text and an object side by side', 'a = x { b = 1 }', /^\/f:1: text and object cannot be joined/],
  ['an unknown escape', 'a = "\\x41"', /^\/f:1: \\x is no escape/],
  ['a web address as an inclusion', 'include url("http://h/f")', /^\/f:1: /],
  ['levels without end', '['.repeat(50_000).replace(/^/, 'a = '), /More than 32 levels/],
  ['a path without end', `${'a.'.repeat(50_000)}b = 1`, /A path has more than/],
  ['a sign that is none of the language', 'a = `x`', /^\/f:1: "`" is out of place/],
];

for (const [says, text, fault] of FAULTS) {
  test(`${says} is refused with its line`, () => {
    assert.throws(
      () => read(text),
      (error) => error instanceof HoconFault && fault.test(error.message),
    );
  });
}

test('a small text that stands for a huge one is refused, not worked out', () => {
  const doubling = (value: string, joined: (name: string) => string): string =>
    [`v0 = ${value}`, ...Array.from({ length: 60 }, (_, i) => `v${i + 1} = ${joined(`\${v${i}}`)}`)].join('\n');
  const isTooLarge = (error: unknown): boolean => error instanceof HoconFault && error.reason === 'too-large';
  assert.throws(() => resolve(doubling('x', (one) => `${one}${one}`)), isTooLarge);
  assert.throws(() => resolve(doubling('[x]', (one) => `${one} ${one}`)), isTooLarge);
  // Shared, not copied: it comes to an end, and quickly.
  resolve(doubling('{ x = 1 }', (one) => `{ l = ${one}, r = ${one} }`));
  assert.throws(
    () =>
      resolve(
        `${doubling('{ x = 1 }', (one) => `{ l = ${one}, r = ${one} }`)}\nw = \${v60} { l { l = 1 } } \${v59}\n${doubling('{ x = 2 }', (one) => `{ l = ${one}, r = ${one} }`).replaceAll('v', 'u')}\nz = \${v60} \${u60}`,
      ),
    isTooLarge,
  );
});

async function load(files: MadeSystem['files']): Promise<unknown> {
  const loaded = await loadHocon(new FixtureSystem({ files: files! }), '/d/main');
  if (loaded.state !== 'known') return loaded.state === 'unknown' ? `${loaded.reason}: ${loaded.says}` : 'absent';
  const { statements, included } = loaded.value;
  const place = { file: '/d/main', line: 1 };
  return plain(
    resolveHocon(statements, place, (one) => (one.kind === 'inclusion' ? (included.get(one) ?? []) : [one])),
  );
}

test('what a file includes stands where the inclusion does, relative to it', async () => {
  const files = {
    '/d/main': 'a = 1\ninclude "sub/one.hocon"\nb = 2\no { include file("two.hocon") }',
    '/d/sub/one.hocon': 'a = 3\nb = 3\ninclude "three.hocon"',
    '/d/sub/three.hocon': 'c = 4',
    '/d/two.hocon': 'd = 5',
  };
  assert.deepEqual(await load(files), { a: '3', b: '2', c: '4', o: { d: '5' } });
});

test('a missing inclusion is nothing, unless it is required', async () => {
  assert.deepEqual(await load({ '/d/main': 'include "none"\na = 1' }), { a: '1' });
  assert.match(
    String(await load({ '/d/main': 'a = 1\ninclude required(file("none"))' })),
    /^file-missing: \/d\/main:2/,
  );
});

test('files that include each other in a circle are refused', async () => {
  const files = { '/d/main': 'include "x"', '/d/x': 'a { include "main" }' };
  assert.match(String(await load(files)), /^malformed: \/d\/main includes itself/);
});

test('what is no text is refused', async () => {
  assert.match(String(await load({ '/d/main': { bytes: Buffer.from([0x61, 0xff]) } })), /^malformed: \/d\/main:1/);
  assert.match(String(await load({ '/d/main': 'a = 1\nb = \0' })), /^malformed: \/d\/main:2: A NUL/);
  assert.match(String(await load({ '/d/main': 'x'.repeat(2 << 20) })), /^too-large/);
  assert.match(String(await load({ '/d/main': { unreadable: 'permission-denied' } })), /^permission-denied/);
});

test('what grows by one a thousand times over is refused before its copies cost minutes', () => {
  const tooMuch = { name: 'HoconFault', message: /stands for too much/ };
  for (const [first, more] of [
    ['a = []', () => 'a = ${a} [1]'],
    ['a = []', () => 'a += 1'],
    ['a = {}', (i: number) => `a = \${a} { x${i} = 1 }`],
  ] as const) {
    const some = [first, ...Array.from({ length: 500 }, (_, i) => more(i))].join('\n');
    assert.doesNotThrow(() => read(some), more(0));
    const many = [first, ...Array.from({ length: 5000 }, (_, i) => more(i))].join('\n');
    assert.throws(() => read(many), tooMuch, more(0));
  }
});
