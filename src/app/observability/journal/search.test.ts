import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { removeDirectory, temporaryDirectory } from '../../../../test/kit/process.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import type { Removed } from './removed.ts';
import { searchJournal } from './search.ts';
import { SearchIndex, type Wanted } from './search-index.ts';
import { listSegments } from './segment-files.ts';
import { readSelected } from './selected-records.ts';
import { PUBLIC_KEY_FILE, readVerifyingKey } from './signing-key.ts';
import { verifyJournal } from './verify.ts';
import { type JournalWriter, openJournal } from './writer.ts';

const clock = new ManualClock();

async function journalIn(directory: string, keepMaxBytes = 100_000): Promise<JournalWriter> {
  return openJournal({
    directory,
    clock,
    emit: () => undefined,
    version: '0',
    syncIntervalMs: 1000,
    segmentMaxBytes: 20_000,
    segmentMaxAgeMs: 1e12,
    keepForMs: 1e12,
    keepMaxBytes,
  });
}

async function scene(t: TestContext): Promise<{ directory: string; journal: JournalWriter }> {
  const directory = await temporaryDirectory('search');
  t.after(() => removeDirectory(directory));
  const journal = await journalIn(directory);
  t.after(() => journal.close());
  return { directory, journal };
}

function refused(i: number): object {
  return {
    name: 'publish.refused',
    clientId: `pump-${i % 10}`,
    username: `device${i % 3}`,
    address: `192.0.2.${i % 7}`,
    topic: `cmd/${i}`,
    by: 'acl:default',
  };
}

async function topics(directory: string, wanted: Partial<Wanted>): Promise<unknown[]> {
  const { records } = await searchJournal(directory, { fields: {}, limit: 1000, ...wanted });
  return records.map(({ d }) => d['topic']);
}

test('records are found by client, user, address, event, author and topic, the newest first', async (t) => {
  const { directory, journal } = await scene(t);
  for (let i = 0; i < 40; i++) journal.append('event', refused(i));
  journal.append('action', { name: 'ban.add', by: 'operator:ann', address: '192.0.2.1' });
  await journal.flush();
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-3' } }), ['cmd/33', 'cmd/23', 'cmd/13', 'cmd/3']);
  assert.deepEqual(await topics(directory, { fields: { topic: 'cmd/7' } }), ['cmd/7']);
  assert.deepEqual(await topics(directory, { fields: { topic: 'cmd/3*', user: 'device0' } }), [
    'cmd/39',
    'cmd/36',
    'cmd/33',
    'cmd/30',
    'cmd/3',
  ]);
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-3', user: 'device1' } }), ['cmd/13']);
  assert.deepEqual(await topics(directory, { fields: { address: '192.0.2.6', client: 'pump-*' }, limit: 2 }), [
    'cmd/34',
    'cmd/27',
  ]);
  assert.equal((await topics(directory, { fields: { author: 'operator:*' } })).length, 1);
  assert.equal((await topics(directory, { fields: { event: 'publish.refused' } })).length, 40);
  assert.deepEqual(await topics(directory, { fields: { client: 'nobody' } }), []);
});

test('pages join without a gap', async (t) => {
  const { directory, journal } = await scene(t);
  for (let i = 0; i < 25; i++) journal.append('event', refused(i));
  await journal.flush();
  const seen: number[] = [];
  let beforeN: number | undefined;
  for (;;) {
    const { records } = await searchJournal(directory, { fields: { event: 'publish.refused' }, limit: 10, beforeN });
    if (records.length === 0) break;
    seen.push(...records.map(({ n }) => n));
    beforeN = records.at(-1)!.n;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 25 }, (_, i) => 26 - i),
  );
});

test('records are found by time, the first moment included and the last not', async (t) => {
  const { directory, journal } = await scene(t);
  const startMs = clock.epochMs();
  for (let i = 0; i < 10; i++) {
    journal.append('event', refused(i));
    clock.advance(1000);
  }
  await journal.flush();
  const found = await topics(directory, {
    sinceMs: startMs + 3000,
    untilMs: startMs + 6000,
    fields: { event: 'publish.refused' },
  });
  assert.deepEqual(found, ['cmd/5', 'cmd/4', 'cmd/3']);
});

test('the index follows what is appended, and forgets what retention takes', async (t) => {
  const { directory, journal } = await scene(t);
  journal.append('event', refused(1));
  await journal.flush();
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-1' } }), ['cmd/1']);
  journal.append('event', refused(11));
  await journal.flush();
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-1' } }), ['cmd/11', 'cmd/1']);
  for (let i = 0; i < 1000; i++) {
    journal.append('event', refused(2));
    if (i % 20 === 0) await journal.flush();
  }
  await journal.flush();
  assert.ok((await listSegments(directory))[0]!.number > 1);
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-1' } }), []);
});

test('a damaged index is made anew, and the search says so', async (t) => {
  const { directory, journal } = await scene(t);
  journal.append('event', refused(1));
  await journal.flush();
  await topics(directory, {});
  const path = join(directory, 'index.sqlite');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0x5a, 4096));
  const { records, isIndexRebuilt } = await searchJournal(directory, { fields: { client: 'pump-1' }, limit: 10 });
  assert.equal(isIndexRebuilt, true);
  assert.equal(records.length, 1);
  await writeFile(path, 'nonsense');
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-1' } }), ['cmd/1']);
});

test('an index that does not fit the journal is made anew', async (t) => {
  const { directory, journal } = await scene(t);
  for (let i = 0; i < 20; i++) journal.append('event', refused(i));
  await journal.flush();
  await topics(directory, {});
  const { path } = (await listSegments(directory))[0]!;
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('cmd/3', 'cmd/3-and-more'));
  const { records, isIndexRebuilt } = await searchJournal(directory, { fields: { client: 'pump-9' }, limit: 10 });
  assert.equal(isIndexRebuilt, true);
  assert.deepEqual(
    records.map(({ d }) => d['topic']),
    ['cmd/19', 'cmd/9'],
  );
});

test('a half-written last record is left for later', async (t) => {
  const { directory, journal } = await scene(t);
  journal.append('event', refused(1));
  await journal.flush();
  const { path } = (await listSegments(directory))[0]!;
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.slice(0, -20));
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-1' } }), []);
  await writeFile(path, whole);
  assert.deepEqual(await topics(directory, { fields: { client: 'pump-1' } }), ['cmd/1']);
});

test('fields that never meet, beginnings and pages are right over many pieces of the index', async (t) => {
  const directory = await temporaryDirectory('search');
  t.after(() => removeDirectory(directory));
  const journal = await openJournal({
    directory,
    clock,
    emit: () => undefined,
    version: '0',
    syncIntervalMs: 1000,
    // One piece is full, and another begun.
    segmentMaxBytes: 20_000_000,
    segmentMaxAgeMs: 1e12,
    keepForMs: 1e12,
    keepMaxBytes: 1e9,
  });
  t.after(() => journal.close());
  const all = 70_000;
  for (let i = 0; i < all; i++) {
    const half = i % 2 === 0 ? { username: 'even', address: '192.0.2.2' } : { username: 'odd', address: '192.0.2.1' };
    journal.append('event', { name: 'x.y', clientId: `c${i % 300}`, topic: `${i}`, ...half });
    if (i % 20_000 === 0) await journal.flush();
  }
  await journal.flush();
  assert.deepEqual(await topics(directory, { fields: { user: 'even', address: '192.0.2.1' } }), []);
  assert.deepEqual(await topics(directory, { fields: { user: 'even', client: 'c7*' }, limit: 2 }), ['69978', '69976']);
  const { records } = await searchJournal(directory, { fields: { topic: '65533' }, limit: 1 });
  const before = records[0]!.n;
  assert.deepEqual(await topics(directory, { fields: { event: 'x.*' }, limit: 3, beforeN: before }), [
    '65532',
    '65531',
    '65530',
  ]);
  assert.equal(
    (await topics(directory, { fields: { client: 'c12' }, limit: all })).length,
    Math.ceil((all - 12) / 300),
  );
  const every = await topics(directory, { fields: { event: 'x.y' }, limit: all });
  assert.deepEqual(
    every,
    Array.from({ length: all }, (_, i) => String(all - 1 - i)),
  );
});

test('two processes that follow the journal at once index every record once', async (t) => {
  const { directory, journal } = await scene(t);
  for (let i = 0; i < 2000; i++) journal.append('event', refused(i));
  await journal.flush();
  const script = `
    import { searchJournal } from ${JSON.stringify(new URL('./search.ts', import.meta.url).href)};
    const { records } = await searchJournal(${JSON.stringify(directory)}, { fields: {}, limit: 5000 });
    console.log(JSON.stringify(records.map(({ n }) => n)));
  `;
  const run = async (): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    return JSON.parse(stdout);
  };
  const [one, other] = await Promise.all([run(), run()]);
  assert.deepEqual(one, other);
  const segments = await listSegments(directory);
  const lines = await Promise.all(
    segments.map(async ({ path }) => (await readFile(path, 'utf8')).split('\n').length - 1),
  );
  assert.equal(
    (one as number[]).length,
    lines.reduce((sum, count) => sum + count, 0),
  );
  assert.equal(new Set(one as number[]).size, (one as number[]).length);
});

test('an index whose pieces are of another length, or gone, is made anew', async (t) => {
  const { directory, journal } = await scene(t);
  for (let i = 0; i < 20; i++) journal.append('event', refused(i));
  await journal.flush();
  await topics(directory, {});
  for (const damage of [
    "UPDATE part SET codes = x'00' WHERE words IS NULL",
    "UPDATE part SET words = x'000000' WHERE words IS NOT NULL",
    'DELETE FROM part',
    'UPDATE block SET at = at + 1000000000',
  ]) {
    const database = new DatabaseSync(join(directory, 'index.sqlite'));
    database.exec(damage);
    database.close();
    const { records, isIndexRebuilt } = await searchJournal(directory, { fields: { client: 'pump-9' }, limit: 10 });
    assert.equal(isIndexRebuilt, true, damage);
    assert.deepEqual(
      records.map(({ d }) => d['topic']),
      ['cmd/19', 'cmd/9'],
    );
  }
});

test('words that only records had which retention took leave the index', async (t) => {
  const { directory, journal } = await scene(t);
  const wordsIn = (): number => {
    const database = new DatabaseSync(join(directory, 'index.sqlite'), { readOnly: true });
    const { words } = database.prepare('SELECT count(*) AS words FROM word').get() as { words: number };
    database.close();
    return words;
  };
  const counts: number[] = [];
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 500; i++) {
      journal.append('event', { ...refused(1), clientId: `r${round}-${i}` });
      if (i % 20 === 0) await journal.flush();
    }
    await journal.flush();
    await topics(directory, { limit: 1 });
    counts.push(wordsIn());
  }
  assert.ok(counts.at(-1)! < 1500, `${counts}`);
  assert.equal((await topics(directory, { fields: { client: 'r7-499' } })).length, 1);
  assert.equal((await topics(directory, { fields: { client: 'r0-1' } })).length, 0);
});

test('a word that another process has swept while this one knew it is found all the same', async (t) => {
  const { directory, journal } = await scene(t);
  const index = SearchIndex.open(directory);
  t.after(() => index.close());
  journal.append('event', { ...refused(1), clientId: 'comes-back' });
  await journal.flush();
  await index.follow();
  const other = new DatabaseSync(join(directory, 'index.sqlite'));
  other.exec("DELETE FROM word WHERE text = 'comes-back'");
  other.close();
  journal.append('event', { ...refused(2), clientId: 'comes-back' });
  await journal.flush();
  await index.follow();
  assert.equal(index.find({ fields: { client: 'comes-back', topic: 'cmd/2' }, limit: 5 }).length, 1);
});

/** Segments of ten records each, a second apart. */
async function longScene(t: TestContext): Promise<{ directory: string; journal: JournalWriter; paths: string[] }> {
  const made = await scene(t);
  for (let i = 0; i < 40; i++) {
    made.journal.append('event', refused(i));
    clock.advance(1000);
    if (i % 10 === 9) await made.journal.rotate();
  }
  await made.journal.flush();
  return { ...made, paths: (await listSegments(made.directory)).map(({ path }) => path) };
}

async function startOf(path: string): Promise<number> {
  return (JSON.parse((await readFile(path, 'utf8')).split('\n', 1)[0]!) as { t: number }).t;
}

/** As retention does it: the oldest first. */
function removeFirst(paths: readonly string[], count: number): void {
  for (const path of paths.slice(0, count)) rmSync(path, { force: true });
}

test('segments that retention takes in the middle of a search are skipped, and the answer says of which time they were', async (t) => {
  const { directory, paths } = await longScene(t);
  const [sinceMs, untilMs] = [await startOf(paths[0]!), await startOf(paths[2]!)];
  const wanted = { fields: { event: 'publish.refused' }, limit: 100 };
  // While the first is being read; the second is not open yet.
  const { records, removed, isIndexRebuilt } = await searchJournal(directory, wanted, () => removeFirst(paths, 2));
  assert.deepEqual(
    records.map(({ d }) => d['topic']),
    Array.from({ length: 20 }, (_, i) => `cmd/${39 - i}`),
  );
  assert.deepEqual([removed, isIndexRebuilt], [{ sinceMs, untilMs }, false]);
  const again = await searchJournal(directory, wanted);
  assert.deepEqual([again.records.length, again.removed], [20, undefined], 'the next one misses nothing');
});

test('what is gone of another time than was asked for is not missed', async (t) => {
  const { directory, paths } = await longScene(t);
  const wanted = { fields: { event: 'publish.refused' }, limit: 100, sinceMs: await startOf(paths[2]!) };
  const { records, removed } = await searchJournal(directory, wanted, () => removeFirst(paths, 2));
  assert.deepEqual([records.length, removed], [20, undefined]);
});

test('an export goes on where retention has taken what it has not read yet, and says so', async (t) => {
  const { directory, paths } = await longScene(t);
  const untold: Removed[] = [];
  const told = { damage: () => assert.fail('nothing is damaged'), removed: (each: Removed) => untold.push(each) };
  const [sinceMs, untilMs] = [await startOf(paths[0]!), await startOf(paths[2]!)];
  let count = 0;
  for await (const _record of readSelected(directory, { fields: { event: 'publish.refused' } }, told)) {
    if (count++ === 0) removeFirst(paths, 2);
  }
  assert.equal(count, 30, 'the first was open already');
  assert.deepEqual(untold, [{ sinceMs, untilMs }]);
});

test('a verification goes on, too, and takes for retention only what a signed note says', async (t) => {
  const { directory, journal, paths } = await longScene(t);
  await journal.close();
  const key = await readVerifyingKey(join(directory, PUBLIC_KEY_FILE));
  const contents = await Promise.all(paths.slice(0, 2).map((path) => readFile(path)));
  const { problems } = await verifyJournal(directory, key, () => removeFirst(paths, 2));
  assert.deepEqual(
    problems.map(({ kind, place }) => [kind, place]),
    [['removed', 'the beginning']],
  );

  // With the note, which retention writes before it takes anything.
  const sizes = await Promise.all(paths.slice(2).map(async (path) => (await stat(path)).size));
  for (const [i, content] of contents.entries()) await writeFile(paths[i]!, content);
  await (await journalIn(directory, sizes.reduce((sum, size) => sum + size) + 1000)).close();
  assert.equal((await listSegments(directory))[0]?.number, 3);
  for (const [i, content] of contents.entries()) await writeFile(paths[i]!, content);
  const { ok, prunedThrough } = await verifyJournal(directory, key, () => removeFirst(paths, 2));
  assert.ok(ok && prunedThrough > 0);
});
