import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, copyFile, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../../../test/kit/eventually.ts';
import { removeDirectory, temporaryDirectory } from '../../../../test/kit/process.ts';
import { SmallDisk, withoutSmallDisks } from '../../../../test/kit/small-disk.ts';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { listSegments } from './segment-files.ts';
import { PRIVATE_KEY_FILE, PUBLIC_KEY_FILE, readVerifyingKey } from './signing-key.ts';
import { type ProblemKind, type Verification, verifyJournal } from './verify.ts';
import { type JournalOptions, type JournalWriter, openJournal } from './writer.ts';

const HOUR_MS = 3_600_000;

interface Bench {
  readonly directory: string;
  readonly clock: ManualClock;
  readonly events: GatewayEvent[];
  open(options?: Partial<JournalOptions>): Promise<JournalWriter>;
  verify(): Promise<Verification>;
  /** The text of a segment, changed and written back. */
  edit(segment: number, change: (lines: string[]) => string[]): Promise<void>;
}

async function bench(t: TestContext, at?: string): Promise<Bench> {
  const root = at ?? (await temporaryDirectory('journal'));
  if (at === undefined) t.after(() => removeDirectory(root));
  const directory = join(root, 'journal');
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const defaults: JournalOptions = {
    directory,
    clock,
    emit: (event) => events.push(event),
    version: '0',
    syncIntervalMs: 1000,
    segmentMaxBytes: 1024 * 1024,
    segmentMaxAgeMs: 24 * HOUR_MS,
    keepForMs: 100_000 * HOUR_MS,
    keepMaxBytes: Number.MAX_SAFE_INTEGER,
  };
  return {
    directory,
    clock,
    events,
    open: (options) => openJournal({ ...defaults, ...options }),
    verify: async () => verifyJournal(directory, await readVerifyingKey(join(directory, PUBLIC_KEY_FILE))),
    edit: async (segment, change) => {
      const { path } = (await listSegments(directory))[segment - 1]!;
      const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
      await writeFile(
        path,
        change(lines)
          .map((line) => `${line}\n`)
          .join(''),
      );
    },
  };
}

/** Two segments of a few records each, both sealed. */
async function written(t: TestContext): Promise<Bench> {
  const made = await bench(t);
  const journal = await made.open();
  for (let i = 0; i < 5; i++) journal.append('event', { name: 'publish.refused', topic: `cmd/${i}` });
  await journal.rotate();
  for (let i = 5; i < 10; i++) journal.append('action', { name: 'ban.add', by: 'ann', subject: `192.0.2.${i}` });
  await journal.close();
  return made;
}

function kindsOf({ problems }: Verification): ProblemKind[] {
  return [...new Set(problems.map(({ kind }) => kind))];
}

test('what was appended is there, in order, and verifies', async (t) => {
  const made = await written(t);
  const verification = await made.verify();
  assert.deepEqual(verification.problems, []);
  assert.equal(verification.ok, true);
  assert.equal(verification.records, 14, 'ten records, and the opening and seal of each segment');
  assert.equal(verification.unsealed, 0);
  const second = await readFile((await listSegments(made.directory))[1]!.path, 'utf8');
  assert.match(second, /"k":"action","d":\{"name":"ban.add","by":"ann","subject":"192.0.2.5"\}/);
});

test('key and segments are for their owner alone', async (t) => {
  const { directory } = await written(t);
  for (const { path } of await listSegments(directory)) assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(directory, PRIVATE_KEY_FILE))).mode & 0o777, 0o600);
});

test('a record is on disk after the sync interval, without anybody asking', async (t) => {
  const made = await bench(t);
  const journal = await made.open({ syncIntervalMs: 500 });
  journal.append('event', { name: 'x' });
  for (let i = 0; i < 100 && JSON.parse(await readFile(join(made.directory, 'head.json'), 'utf8')).n < 2; i++) {
    made.clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const verification = await made.verify();
  assert.equal(verification.records, 2);
  assert.equal(verification.ok, true);
  await journal.close();
});

test('a record is written at once, also where the next sync is an hour away', async (t) => {
  const made = await bench(t);
  const journal = await made.open({ syncIntervalMs: HOUR_MS });
  const isWritten = async (name: string): Promise<boolean> => {
    const [segment] = await listSegments(made.directory);
    return (await readFile(segment!.path, 'utf8')).includes(name);
  };
  // The first one is followed by a wait for the sync; the second comes meanwhile.
  for (const name of ['first.event', 'second.event']) {
    journal.append('event', { name });
    for (let i = 0; i < 100 && !(await isWritten(name)); i++) {
      made.clock.advance(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(await isWritten(name), name);
  }
  await journal.close();
});

test('records that come while others are written are gathered like those', async (t) => {
  const made = await bench(t);
  const journal = await made.open({ syncIntervalMs: HOUR_MS });
  const [segment] = await listSegments(made.directory);
  const lines = async (): Promise<number> => (await readFile(segment!.path, 'utf8')).split('\n').length - 1;
  const before = await lines();
  journal.append('event', { name: 'first' });
  made.clock.advance(20);
  let later = 0;
  for (; later < 1000 && (await lines()) === before; later++) journal.append('event', { name: 'later' });
  for (let i = 0; i < 10; i++) assert.equal(await lines(), before + 1);
  made.clock.advance(20);
  await eventually('all are written', async () => (await lines()) === before + 1 + later);
  await journal.close();
  assert.equal((await made.verify()).ok, true);
});

test('a journal that is opened again goes on where it ended', async (t) => {
  const made = await written(t);
  const again = await made.open();
  again.append('event', { name: 'x' });
  await again.close();
  const verification = await made.verify();
  assert.deepEqual(verification.problems, []);
  assert.equal(verification.segments, 3);
  assert.equal(verification.records, 17);
});

const TAMPERINGS: readonly [says: string, kind: ProblemKind, tamper: (made: Bench) => Promise<void>][] = [
  [
    'a changed field',
    'changed',
    (made) => made.edit(1, (lines) => lines.map((line) => line.replace('cmd/2', 'cmd/x'))),
  ],
  [
    'a changed hash',
    'changed',
    (made) => made.edit(1, (lines) => lines.map((line, i) => (i === 2 ? flipHash(line) : line))),
  ],
  ['a line that is no record', 'changed', (made) => made.edit(1, (lines) => lines.with(2, 'nonsense'))],
  ['a removed record', 'removed', (made) => made.edit(1, (lines) => lines.toSpliced(2, 1))],
  ['several removed records', 'removed', (made) => made.edit(2, (lines) => lines.toSpliced(1, 3))],
  ['a removed first record', 'removed', (made) => made.edit(2, (lines) => lines.slice(1))],
  ['a record twice', 'misplaced', (made) => made.edit(1, (lines) => lines.toSpliced(3, 0, lines[2]!))],
  [
    'an invented record with the next number',
    'misplaced',
    (made) => made.edit(1, (lines) => lines.toSpliced(3, 0, lines[3]!.replace('cmd/2', 'cmd/y'))),
  ],
  [
    'two records in each other’s place',
    'misplaced',
    (made) => made.edit(1, (lines) => lines.with(2, lines[3]!).with(3, lines[2]!)),
  ],
  ['whole records cut off the end', 'removed', (made) => made.edit(2, (lines) => lines.slice(0, -3))],
  ['a whole segment gone', 'removed', async (made) => rm((await listSegments(made.directory))[1]!.path)],
  ['the first segment gone', 'removed', async (made) => rm((await listSegments(made.directory))[0]!.path)],
  [
    'a segment in the middle gone',
    'removed',
    async (made) => {
      await (await made.open()).close();
      await rm((await listSegments(made.directory))[1]!.path);
    },
  ],
  ['an emptied segment', 'removed', async (made) => writeFile((await listSegments(made.directory))[0]!.path, '')],
  ['the head gone', 'removed', (made) => rm(join(made.directory, 'head.json'))],
  [
    'a head that claims less, unsigned',
    'signature',
    async (made) => {
      const path = join(made.directory, 'head.json');
      await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), n: 3 }));
    },
  ],
  [
    'all of it written anew with another key',
    'signature',
    async (made) => {
      const publicPath = join(made.directory, PUBLIC_KEY_FILE);
      await copyFile(publicPath, join(made.directory, 'kept'));
      await rm(join(made.directory, PRIVATE_KEY_FILE));
      await rm(publicPath);
      for (const { path } of await listSegments(made.directory)) await rm(path);
      await rm(join(made.directory, 'head.json'));
      const journal = await made.open();
      journal.append('event', { name: 'all is well' });
      await journal.close();
      await rename(join(made.directory, 'kept'), publicPath);
    },
  ],
];

function flipHash(line: string): string {
  const at = line.length - 10;
  return line.slice(0, at) + (line[at] === 'A' ? 'B' : 'A') + line.slice(at + 1);
}

for (const [says, kind, tamper] of TAMPERINGS) {
  test(`${says} is found, and called ${kind}`, async (t) => {
    const made = await written(t);
    await tamper(made);
    const verification = await made.verify();
    assert.equal(verification.ok, false);
    assert.ok(kindsOf(verification).includes(kind), JSON.stringify(verification.problems));
  });
}

test('a hash that is computed anew does not hide a change: the next record gives it away', async (t) => {
  const made = await written(t);
  const { encodeRecord, parseRecord } = await import('./record.ts');
  await made.edit(1, (lines) => {
    const [before, record] = [parseRecord(lines[1]!)!, parseRecord(lines[2]!)!];
    const { line } = encodeRecord(before.h, record.n, record.t, record.k, { ...record.d, topic: 'forged' });
    return lines.with(2, line.trimEnd());
  });
  const verification = await made.verify();
  assert.deepEqual(kindsOf(verification), ['changed']);
  assert.match(verification.problems[0]!.place, /0000000001\.journal:4$/);
});

test('one change does not hide another', async (t) => {
  const made = await written(t);
  await made.edit(1, (lines) => lines.map((line) => line.replace('cmd/1', 'cmd/x').replace('cmd/4', 'cmd/y')));
  await made.edit(2, (lines) => lines.toSpliced(2, 1));
  const { problems } = await made.verify();
  assert.deepEqual(
    problems.map(({ place }) => place.replace(/^0+/, '')),
    ['1.journal:3', '1.journal:6', '2.journal:3'],
  );
});

test('a write that a crash has cut short is called torn, and is no tampering', async (t) => {
  const made = await written(t);
  await appendFile((await listSegments(made.directory))[1]!.path, '{"n":15,"t":17000');
  const verification = await made.verify();
  assert.equal(verification.ok, true);
  assert.deepEqual(kindsOf(verification), ['torn']);
});

test('a segment that a power cut has left empty is torn, and no tampering, there and when the journal goes on', async (t) => {
  const made = await written(t);
  await writeFile(join(made.directory, '0000000003.journal'), '', { mode: 0o600 });
  for (const segments of [3, 4]) {
    const verification = await made.verify();
    assert.deepEqual([kindsOf(verification), verification.ok, verification.segments], [['torn'], true, segments]);
    if (segments === 3) await (await made.open()).close();
  }
});

test('after a torn end the journal goes on, says how much was torn, and verifies', async (t) => {
  const made = await written(t);
  await appendFile((await listSegments(made.directory))[1]!.path, '{"n":15,"t":17000');
  const again = await made.open();
  again.append('event', { name: 'x' });
  await again.close();
  const verification = await made.verify();
  assert.deepEqual(verification.problems, []);
  const third = await readFile((await listSegments(made.directory))[2]!.path, 'utf8');
  assert.match(third, /"tornBytes":17/);
});

test('records that were cut off before a start are missed by the start, for good', async (t) => {
  const made = await written(t);
  await made.edit(2, (lines) => lines.slice(0, -3));
  await (await made.open()).close();
  const verification = await made.verify();
  assert.deepEqual(kindsOf(verification), ['removed']);
  assert.match(verification.problems[0]!.says, /3 records were missing/);
});

test('retention takes the oldest segments by size, and a signed note says so', async (t) => {
  const made = await bench(t);
  const journal = await made.open({ segmentMaxBytes: 4096, keepMaxBytes: 12_000 });
  for (let i = 0; i < 200; i++) {
    journal.append('event', { name: 'publish.refused', topic: `cmd/${i}` });
    await journal.flush();
  }
  await journal.close();
  const segments = await listSegments(made.directory);
  assert.ok(segments[0]!.number > 1);
  assert.ok(segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) < 20_000);
  const verification = await made.verify();
  assert.deepEqual(verification.problems, []);
  assert.ok(verification.prunedThrough > 50);
  await rm(segments[0]!.path);
  assert.deepEqual(kindsOf(await made.verify()), ['removed'], 'what retention did not take is missed');
});

test('retention takes segments by age at a start', async (t) => {
  const made = await written(t);
  const old = new Date(made.clock.epochMs() - 10 * HOUR_MS);
  await utimes((await listSegments(made.directory))[0]!.path, old, old);
  await utimes(
    (await listSegments(made.directory))[1]!.path,
    new Date(made.clock.epochMs()),
    new Date(made.clock.epochMs()),
  );
  await (await made.open({ keepForMs: HOUR_MS })).close();
  assert.equal((await listSegments(made.directory))[0]!.number, 2);
  assert.deepEqual((await made.verify()).problems, []);
});

test('records beyond what can wait are counted, and the count is in the journal', async (t) => {
  const made = await bench(t);
  const journal = await made.open();
  for (let i = 0; i < 50_010; i++) journal.append('event', { name: 'x', i });
  assert.equal(journal.lostCount, 10);
  await journal.close();
  assert.deepEqual((await made.verify()).problems, []);
  const text = await readFile((await listSegments(made.directory))[0]!.path, 'utf8');
  assert.match(text, /"k":"lost","d":\{"records":10\}/);
});

test('a key that is no key stops the start, and says which file', async (t) => {
  const made = await bench(t);
  await mkdir(made.directory);
  await writeFile(join(made.directory, PRIVATE_KEY_FILE), 'nonsense');
  await assert.rejects(made.open(), /The journal's key .*signing\.key cannot be used/);
  await assert.rejects(
    readVerifyingKey(join(made.directory, PRIVATE_KEY_FILE)),
    /The public key \S+ cannot be used: it is no public key in PEM\./,
  );
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(made.directory, PRIVATE_KEY_FILE), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await assert.rejects(made.open(), /not an Ed25519 key/);
});

test('a full disk holds the journal up, not the gateway; with room it goes on without a gap', {
  skip: withoutSmallDisks,
}, async (t) => {
  const disk = SmallDisk.make(512 * 1024)!;
  t.after(() => disk.unmount());
  const made = await bench(t, disk.directory);
  const journal = await made.open();
  journal.append('event', { name: 'before' });
  await journal.flush();
  disk.fill();
  for (let i = 0; i < 100; i++) journal.append('event', { name: 'publish.refused', topic: 'x'.repeat(100), i });
  await assert.rejects(journal.flush(), /ENOSPC/);
  assert.equal(made.events.filter(({ name }) => name === 'storage.failed').length, 1);
  disk.free();
  await journal.flush();
  assert.equal(made.events.at(-1)?.name, 'storage.recovered');
  await journal.close();
  const verification = await made.verify();
  assert.deepEqual(verification.problems, []);
  assert.equal(verification.records, 103);
});
