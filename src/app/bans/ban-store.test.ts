import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { OperatorError } from '../config/problem.ts';
import { readBans } from './ban-store.ts';
import { Bans } from './bans.ts';

const HOUR = 3_600_000;
const RULES = {
  allow: [],
  durationMs: HOUR,
  factor: 2,
  durationMaxMs: 100 * HOUR,
  jitterPercent: 0,
  forgetAfterMs: 1000 * HOUR,
  entriesMax: 10_000,
};

function setUp(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bans-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const events: GatewayEvent[] = [];
  const open = (clock: ManualClock, rules: Partial<typeof RULES> = {}) =>
    new Bans({
      config: { dataDirectory: directory, bans: { ...RULES, ...rules } },
      clock,
      chance: systemChance,
      emit: (event) => events.push(event),
    });
  return { directory, path: join(directory, 'bans.sqlite'), events, open };
}

function detect(bans: Bans, value: string): void {
  bans.book.add({ subject: { kind: 'address', value }, reason: 'many failures', author: 'detector:x' });
}

test('bans outlive a restart, with what is left of their time', (t) => {
  const { open, path } = setUp(t);
  const clock = new ManualClock();
  const before = open(clock);
  detect(before, '192.0.2.1');
  before.book.add({
    subject: { kind: 'clientId', value: "d'42" },
    reason: 'asked for',
    author: 'operator:ann',
    durationMs: Number.POSITIVE_INFINITY,
  });
  before.close();
  assert.equal(statSync(path).mode & 0o777, 0o600);

  const later = new ManualClock(clock.epochMs() + HOUR / 2);
  const after = open(later);
  assert.equal(after.index.ofAddress('192.0.2.1')?.author, 'detector:x');
  assert.equal(after.index.of({ address: '0.0.0.0', clientId: "d'42" })?.reason, 'asked for');
  later.advance(HOUR / 2);
  assert.equal(after.index.ofAddress('192.0.2.1'), undefined);
  assert.equal(after.index.size, 1);
  after.close();
});

test('repeat offenders are known after a restart, and a pardoned one is not', (t) => {
  const { open } = setUp(t);
  const clock = new ManualClock();
  const first = open(clock);
  detect(first, '192.0.2.1');
  detect(first, '192.0.2.2');
  first.book.remove({ kind: 'address', value: '192.0.2.2' }, 'operator:ann', 'a mistake');
  clock.advance(HOUR);
  first.close();
  const second = open(new ManualClock(clock.epochMs()));
  assert.equal(second.index.size, 0);
  detect(second, '192.0.2.1');
  detect(second, '192.0.2.2');
  assert.equal(second.index.ofAddress('192.0.2.1')?.offence, 2);
  assert.equal(second.index.ofAddress('192.0.2.2')?.offence, 1);
  second.close();
});

test('a clock that was set back between two runs makes no ban longer than it was meant to be', (t) => {
  const { open } = setUp(t);
  const clock = new ManualClock();
  const before = open(clock);
  detect(before, '192.0.2.1');
  before.close();
  const wrong = new ManualClock(0);
  const after = open(wrong);
  wrong.advance(HOUR - 1);
  assert.notEqual(after.index.ofAddress('192.0.2.1'), undefined);
  wrong.advance(1);
  assert.equal(after.index.ofAddress('192.0.2.1'), undefined);
  after.close();
});

test('what is on disk moves with a clock that is set while the gateway runs', (t) => {
  const { open, path } = setUp(t);
  const clock = new ManualClock();
  const bans = open(clock);
  detect(bans, '192.0.2.1');
  clock.advance(100);
  clock.setEpoch(clock.epochMs() + 24 * HOUR);
  clock.advance(60_000);
  bans.close();
  const [ban] = readBans(path, new ManualClock(clock.epochMs())).bans;
  assert.equal(Math.round(ban!.untilMs / 60_000), 59);
});

test('changes are written together a moment later, and at once where somebody is answered', (t) => {
  const { open, path } = setUp(t);
  const clock = new ManualClock();
  const bans = open(clock);
  const onDisk = () => readBans(path, clock).bans.length;
  for (let i = 0; i < 2500; i++) detect(bans, `10.0.${i >> 8}.${i & 255}`);
  assert.equal(onDisk(), 0);
  clock.advance(50);
  assert.equal(onDisk(), 2500);
  detect(bans, '192.0.2.1');
  assert.equal(bans.flush(), true);
  assert.equal(onDisk(), 2501);
  bans.close();
});

test('a file that is no database is set aside, which is said, and the gateway goes on', (t) => {
  const { open, path, directory, events } = setUp(t);
  writeFileSync(path, 'garbage, and more than a header of it. '.repeat(100), { mode: 0o600 });
  const bans = open(new ManualClock());
  detect(bans, '192.0.2.1');
  bans.close();
  const [event] = events;
  assert.ok(event?.name === 'storage.damaged');
  assert.match(event.says, /kept as .*bans\.sqlite\.damaged-.*; 0 bans could be read/);
  assert.ok(readdirSync(directory).some((name) => name.startsWith('bans.sqlite.damaged-')));
  assert.equal(readBans(path, new ManualClock()).bans.length, 1);
});

test('of a file that is damaged further in, the bans that can be read stay in force', (t) => {
  const { open, path, events } = setUp(t);
  const before = open(new ManualClock());
  for (let i = 0; i < 3000; i++) detect(before, `10.0.${i >> 8}.${i & 255}`);
  before.close();
  const bytes = readFileSync(path);
  // Pages of the table's end.
  bytes.fill(0xa5, Math.floor(bytes.length * 0.6), Math.floor(bytes.length * 0.6) + 4096);
  writeFileSync(path, bytes);
  const after = open(new ManualClock());
  assert.ok(after.index.size > 0, `${after.index.size} were read`);
  assert.ok(events.some(({ name }) => name === 'storage.damaged'));
  const { size } = after.index;
  after.close();
  assert.equal(readBans(path, new ManualClock()).bans.length, size, 'and are in the new file');
});

test('rows that make no sense are left out, and counted', (t) => {
  const { open, path, events } = setUp(t);
  const before = open(new ManualClock());
  detect(before, '192.0.2.1');
  before.close();
  const database = new DatabaseSync(path);
  database.exec("INSERT INTO ban VALUES ('planet', 'mars', 'r', 'a', 0, NULL, 0)");
  database.close();
  const after = open(new ManualClock());
  assert.equal(after.index.size, 1);
  after.close();
  assert.ok(events.some((event) => event.name === 'storage.damaged' && event.rows === 1));
});

test('a file of another kind, of a newer version or open to others stops the start', (t) => {
  const { open, path } = setUp(t);
  writeFileSync(path, '', { mode: 0o644 });
  assert.throws(() => open(new ManualClock()), /chmod 600/);
  rmSync(path);
  open(new ManualClock()).close();
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  assert.throws(() => open(new ManualClock()), /newer Sallyport/);
  rmSync(path);
  const foreign = new DatabaseSync(path);
  foreign.exec('CREATE TABLE t (a)');
  foreign.close();
  rmSync(`${path}-wal`, { force: true });
  writeFileSync(path, readFileSync(path), { mode: 0o600 });
  assert.throws(() => open(new ManualClock()), OperatorError);
});

test('a file that cannot be written is told of once; bans stay in force, and are written when it can be', (t) => {
  const { open, path, events } = setUp(t);
  const clock = new ManualClock();
  const bans = open(clock);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  detect(bans, '192.0.2.1');
  clock.advance(20_000);
  assert.equal(events.filter(({ name }) => name === 'storage.failed').length, 1);
  assert.notEqual(bans.index.ofAddress('192.0.2.1'), undefined);
  other.exec('ROLLBACK');
  other.close();
  clock.advance(5000);
  assert.equal(events.filter(({ name }) => name === 'storage.recovered').length, 1);
  assert.equal(readBans(path, clock).bans.length, 1);
  bans.close();
});
