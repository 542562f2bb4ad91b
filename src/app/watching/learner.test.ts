import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { Recording, type RecordingImage } from '../../policy/authorization/learning/recording.ts';
import { OperatorError } from '../config/problem.ts';
import type { SilentWorker } from '../silent-workers.ts';
import type { TakenRecordings } from '../workers/fleet-recordings.ts';
import { Learner } from './learner.ts';
import { readRecording, recordingFileIn } from './recording-file.ts';

const SETTINGS = { enabled: false, usersMax: 3, branchingMax: 16 };

/** A gateway of several processes, as far as its recordings go. */
class Watched {
  isOn = false;
  waiting: RecordingImage[] = [];
  setLearning = (isOn: boolean): void => {
    this.isOn = isOn;
  };
  silent: SilentWorker[] = [];
  takeRecordings = async (): Promise<TakenRecordings> => ({
    recordings: this.waiting.splice(0),
    silent: this.silent,
  });

  uses(...users: string[]): void {
    const recording = new Recording({ usersMax: 100, branchingMax: 16 });
    for (const username of users) recording.note({ username, clientId: 'c' }, 'publish', `t/${username}`, 1);
    this.waiting.push(recording.take());
  }
}

describe('what clients use', () => {
  let directory: string;
  let clock: ManualClock;
  let events: GatewayEvent[];
  let watching: Watched;
  const open = (settings: Partial<typeof SETTINGS> = {}): Promise<Learner> =>
    Learner.open({
      dataDirectory: directory,
      settings: { ...SETTINGS, ...settings },
      watching,
      clock,
      emit: (event) => events.push(event),
    });
  const named = (name: GatewayEvent['name']): GatewayEvent[] => events.filter((event) => event.name === name);

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sallyport-learner-'));
    clock = new ManualClock();
    events = [];
    watching = new Watched();
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is recorded from start to stop, by every process, and survives a restart', async () => {
    const learner = await open();
    assert.equal(watching.isOn, false);
    await learner.start();
    assert.equal(watching.isOn, true);
    watching.uses('a');
    watching.uses('a', 'b');
    assert.equal((await learner.status()).users, 2);
    await learner.close();

    watching = new Watched();
    const again = await open();
    assert.equal(watching.isOn, true, 'it goes on after a restart');
    watching.uses('c');
    const { users, sinceMs } = await again.stop();
    assert.deepEqual([users, sinceMs, watching.isOn], [3, clock.epochMs(), false]);
    const stored = await readRecording(recordingFileIn(directory));
    assert.deepEqual(
      stored!.users.map(({ user, publish }) => [user, publish[0]![0], publish[0]![1]]),
      [
        ['a', 't/${username}', 2],
        ['b', 't/${username}', 1],
        ['c', 't/${username}', 1],
      ],
    );
    assert.equal(statSync(recordingFileIn(directory)).mode & 0o777, 0o600);
    await again.close();
    assert.equal(clock.pendingCount, 0);
  });

  it('is on disk once a minute', async () => {
    const learner = await open({ enabled: true });
    watching.uses('a');
    clock.advance(60_000);
    await learner.status();
    assert.equal((await readRecording(recordingFileIn(directory)))!.users.length, 1);
    await learner.close();
  });

  it('is not asked for, and leaves no file, where nobody wants to know', async () => {
    const learner = await open();
    await learner.save();
    await learner.close();
    assert.equal(existsSync(recordingFileIn(directory)), false);
  });

  it('stays on where the configuration says so, until a reload takes that back', async () => {
    const learner = await open({ enabled: true });
    assert.equal((await learner.status()).by, 'configuration');
    await assert.rejects(learner.stop(), OperatorError);
    learner.configure(SETTINGS);
    assert.equal((await learner.status()).isOn, false);
    assert.deepEqual(
      events.map((event) => [event.name, (event as { by?: string }).by]),
      [
        ['learning.started', 'configuration'],
        ['learning.stopped', 'configuration'],
      ],
    );
    await learner.close();
  });

  it('is forgotten when it is cleared, and goes on from there', async () => {
    const learner = await open();
    await learner.start();
    watching.uses('a');
    await learner.save();
    clock.advance(5000);
    const { users, isOn, sinceMs } = await learner.clear();
    assert.deepEqual([users, isOn, sinceMs], [0, true, clock.epochMs()]);
    assert.equal((await readRecording(recordingFileIn(directory)))!.users.length, 0);
    await learner.close();
  });

  it('has a ceiling that is told once', async () => {
    const learner = await open({ enabled: true });
    watching.uses('a', 'b', 'c', 'd');
    watching.uses('e');
    const { users, lost, ceilings } = await learner.status();
    assert.deepEqual([users, lost, ceilings], [3, 2, ['users']]);
    await learner.status();
    assert.equal(named('ceiling.reached').length, 1);
    await learner.close();
  });

  it('is taken from a damaged file as far as it goes, and the damage is told', async () => {
    const learner = await open({ enabled: true });
    watching.uses('a');
    await learner.close();
    appendFileSync(recordingFileIn(directory), '{"user":"b"}\nnot JSON\n');
    assert.equal((await (await open()).status()).users, 1);
    const [damaged] = named('storage.damaged');
    assert.equal(damaged?.name === 'storage.damaged' && damaged.rows, 2);
    for (const garbage of ['', '\n', 'null\n', '{"v":2}\n', '{"v":1,"isOn":1}\n', '\u0000\u0001']) {
      writeFileSync(recordingFileIn(directory), garbage);
      assert.equal((await (await open()).status()).users, 0);
    }
    assert.equal(named('storage.damaged').length, 7);
  });

  it('does not end the gateway where the disk fails, and says so once, and when it works again', async () => {
    const learner = await open({ enabled: true });
    const file = recordingFileIn(directory);
    // A directory is in the file's way: even root cannot write there.
    mkdirSync(file);
    writeFileSync(join(file, 'x'), '');
    await learner.save();
    await learner.save();
    assert.equal(named('storage.failed').length, 1);
    rmSync(file, { recursive: true });
    await learner.save();
    assert.equal(named('storage.recovered').length, 1);
    assert.match(readFileSync(file, 'utf8'), /^\{"v":1/);
    await learner.close();
  });
});
