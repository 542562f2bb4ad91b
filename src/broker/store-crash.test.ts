/** Kills a process that writes, and holds the store to its promise. Started with arguments, this file is that process. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import type { StoredOutgoing } from './store.ts';
import { openSqliteStore } from './store-sqlite.ts';

const CLIENT_ID = 'a';

/** Where the writer of the `relaxed` test waits until it sees this on disk. */
const FIRST_COMMIT_LAST = 2_500;

function queued(sequence: number): StoredOutgoing {
  return {
    sequence,
    packetId: 0,
    state: 'queued',
    qos: 1,
    retain: false,
    subscriptionIdentifiers: [],
    message: {
      id: sequence,
      topic: `topic/${sequence}`,
      payload: Buffer.alloc(100, sequence),
      qos: 1,
      retain: false,
      properties: {},
      expiresAtMs: undefined,
      publisher: 'p',
    },
  };
}

const open = (path: string, mode: 'relaxed' | 'durable') =>
  openSqliteStore({ path, mode, commitIntervalMs: 20, clock: systemClock, emit: () => {} });

/** Writes one delivery after another until it is killed; in `durable` mode it notes each that it was told is safe. */
async function write(path: string, mode: 'relaxed' | 'durable'): Promise<void> {
  // A file, written synchronously: what stands in a buffer of a process that is killed was never said.
  const said = openSync(saidPath(path), 'w');
  const store = await open(path, mode);
  await store.load();
  const session = { clientId: CLIENT_ID, owner: 'o', sessionExpiryIntervalS: 60 };
  store.putSession({ ...session, disconnectedAtMs: undefined, will: undefined });
  for (let sequence = 0; ; sequence++) {
    store.putOutgoing(CLIENT_ID, queued(sequence));
    if (mode === 'durable') store.whenSafe(() => writeSync(said, `${sequence}\n`));
    if (mode === 'relaxed' && sequence === FIRST_COMMIT_LAST) {
      // The interval brings it out with nobody asking; what follows is in a later commit.
      while (!out(path).includes(`topic/${sequence}`)) await wait(2);
    }
    if (sequence % 10 === 0) await turn();
  }
}

const saidPath = (path: string) => `${path}.said`;

function readIfThere(path: string): Buffer {
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
}

/** What has left the process: the log and the database. */
const out = (path: string) => Buffer.concat([readIfThere(`${path}-wal`), readIfThere(path)]);

/** Lets a writer run until `enough` says so, then kills it. */
async function writeUntil(t: TestContext, path: string, mode: string, enough: () => boolean): Promise<void> {
  const writer = spawn(process.execPath, [import.meta.filename, path, mode], { stdio: 'inherit' });
  t.after(() => writer.kill('SIGKILL'));
  const exit = once(writer, 'exit');
  while (!enough()) {
    assert.equal(writer.exitCode, null, 'the writer ended by itself');
    await wait(2);
  }
  writer.kill('SIGKILL');
  await exit;
}

/** The sequences that survived. They must be a prefix of what was written, each with its message. */
async function survivors(path: string): Promise<number> {
  const store = await open(path, 'relaxed');
  const { sessions } = await store.load();
  await store.close();
  const outgoing = sessions[0]?.outgoing ?? [];
  outgoing.forEach((each, i) => {
    assert.equal(each.sequence, i, 'nothing is missing in the middle');
    assert.equal(each.message?.topic, `topic/${i}`);
    assert.deepEqual(each.message.payload, new Uint8Array(100).fill(i));
  });
  return outgoing.length;
}

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-crash-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'sessions.db');
}

async function testDurable(t: TestContext): Promise<void> {
  const path = place(t);
  for (const enough of [1, 500, 3_000]) {
    for (const name of [path, `${path}-wal`, saidPath(path)]) rmSync(name, { force: true });
    await writeUntil(t, path, 'durable', () => readIfThere(saidPath(path)).length >= enough * 4);
    const said = readFileSync(saidPath(path), 'utf8').split('\n').slice(0, -1);
    assert.deepEqual(said.map(Number), [...said.keys()], 'callbacks come in order');
    assert.ok((await survivors(path)) >= said.length, 'everything that was called safe is there');
  }
}

async function testRelaxed(t: TestContext): Promise<void> {
  const path = place(t);
  await writeUntil(t, path, 'relaxed', () => out(path).includes(`topic/${FIRST_COMMIT_LAST + 1_000}`));
  assert.ok((await survivors(path)) > FIRST_COMMIT_LAST, 'a commit that another has followed is there');
}

const [path, mode] = process.argv.slice(2);
if (path !== undefined && (mode === 'relaxed' || mode === 'durable')) await write(path, mode);
else {
  test('what a durable store called safe survives kill -9', testDurable);
  test('what a relaxed store has committed survives kill -9, and the rest is a prefix', testRelaxed);
}
