import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '../../../base/manual-clock.ts';
import { HOST } from '../host/host-subject.ts';
import { known, unknown } from '../model/fact.ts';
import { evidence, fail, type Outcome, pass, unassessed } from '../model/outcome.ts';
import { resultOf } from '../model/result.ts';
import { findCheck } from '../registry.ts';
import { makeReport } from '../report/report.ts';
import type { AuditReport } from '../report/report-schema.ts';
import { DirectorySystem } from '../system/directory-system.ts';
import { type History, historySchema } from './finding-history.ts';
import { auditMetrics } from './metrics.ts';
import { AuditWatch, type WatchOptions } from './watch.ts';
import type { WatchEvent } from './watch-event.ts';

const LOOK_MS = 2000;
/** So that no file looks as if it was written while the audit ran. */
const LONG_AFTER = Date.parse('2100-01-01');
const HOUR_MS = 3_600_000;
const CONFIG = '/etc/broker.conf';

const check = (() => {
  const found = findCheck('A01');
  assert.ok('id' in found);
  return found;
})();

function reportOf(...outcomes: Outcome[]): AuditReport {
  const results = outcomes.map((outcome) => resultOf(check, HOST, outcome));
  return makeReport({ version: '0', startedMs: 0, durationMs: 1, targets: [HOST], results, failOn: 'low' });
}

const proof = (text: string) => evidence(text, 'something else', { from: CONFIG });

/** An audit whose findings are the words of one file: `weak:NAME` fails, `lost:NAME` cannot be told, whatever else passes. */
function outcomesOf(text: string): Outcome[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word): Outcome => {
      const [kind, subject = ''] = word.split(':');
      if (kind === 'weak') return fail('weak', proof(word), { subject });
      if (kind === 'lost') return unassessed(unknown('unreadable', 'x'), { subject });
      return pass(proof(word), { subject });
    });
}

describe('a watch', () => {
  let root: string;
  let clock: ManualClock;
  let events: WatchEvent[];
  let history: History | undefined;
  let sockets: string;
  let connections: string;
  let ending: AbortController;
  let running: Promise<void> | undefined;

  const write = (text: string, path = CONFIG): void => writeFileSync(join(root, path), text);
  const system = (): DirectorySystem =>
    new DirectorySystem({
      root,
      runCommand: async (_command, args) =>
        known({ exitCode: 0, stdout: args[0] === '-Htulnp' ? sockets : connections, stderr: '' }, 'ss'),
    });

  function start(options: Partial<WatchOptions> = {}): void {
    const watch = new AuditWatch({
      clock,
      audit: async () => {
        const asked = system();
        const text = await asked.readText(CONFIG);
        return { report: reportOf(...outcomesOf(text.state === 'known' ? text.value : '')), paths: asked.askedFor };
      },
      freshSystem: system,
      history,
      onHistory: async (next) => {
        history = historySchema.parse(JSON.parse(JSON.stringify(next)));
      },
      onEvent: (event) => events.push(event),
      severity: 'low',
      everyMs: HOUR_MS,
      lookEveryMs: LOOK_MS,
      unusedAfterMs: 24 * HOUR_MS,
      runsMax: Number.POSITIVE_INFINITY,
      signal: ending.signal,
      ...options,
    });
    running = watch.run();
  }

  /** It has looked, and waits. */
  async function idle(): Promise<void> {
    for (let turn = 0; clock.pendingCount === 0; turn++) {
      assert.ok(turn < 100_000, 'the watch does not come to rest');
      await setImmediate();
    }
  }

  async function looks(count: number): Promise<void> {
    for (let look = 0; look < count; look++) {
      await idle();
      clock.advance(LOOK_MS);
    }
    await idle();
  }

  const told = (): string[] =>
    events.splice(0).map((event) => {
      if ('subject' in event) return `${event.event} ${event.subject}`;
      if ('port' in event) return `${event.event} ${event.port}`;
      return 'trigger' in event ? `${event.event} ${event.trigger}` : event.event;
    });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sallyport-watch-'));
    mkdirSync(join(root, 'etc'));
    clock = new ManualClock(LONG_AFTER);
    [events, history, sockets, connections] = [[], undefined, '', ''];
    ending = new AbortController();
    write('weak:a fine:b');
  });

  afterEach(async () => {
    ending.abort();
    await running;
    assert.equal(clock.pendingCount, 0, 'no timer is left');
    rmSync(root, { recursive: true });
  });

  it('takes the first audit for granted, and tells what a change of a file brings, mends and brings back', async () => {
    start();
    await looks(3);
    assert.deepEqual(told(), ['audit.finished start']);
    write('fine:a weak:b');
    await looks(2);
    assert.deepEqual(told(), ['finding.new b', 'finding.mended a', 'audit.finished files']);
    write('weak:a fine:b ');
    await looks(2);
    assert.deepEqual(told(), ['finding.regressed a', 'finding.mended b', 'audit.finished files']);
    await looks(5);
    assert.deepEqual(told(), [], 'nothing changes, nothing is told');
  });

  it('sees files that appear, go, or change their permissions alone', async () => {
    start();
    await looks(1);
    chmodSync(join(root, CONFIG), 0o600);
    await looks(2);
    rmSync(join(root, CONFIG));
    await looks(2);
    write('weak:a');
    await looks(2);
    assert.deepEqual(told(), [
      'audit.finished start',
      'audit.finished files',
      'finding.mended a',
      'audit.finished files',
      'finding.regressed a',
      'audit.finished files',
    ]);
  });

  it('waits until a file is written whole, but not for ever', async () => {
    start();
    await looks(1);
    told();
    for (let step = 0; step < 4; step++) {
      write(`weak:${step}`.repeat(step + 1));
      await looks(1);
    }
    assert.deepEqual(told(), []);
    await looks(1);
    assert.equal(told().at(-1), 'audit.finished files');
    for (let step = 0; step < 7; step++) {
      write(`fine:${'x'.repeat(step)}`);
      await looks(1);
    }
    assert.ok(told().includes('audit.finished files'));
  });

  it('leaves what changes at every audit to the schedule, and says so once', async () => {
    start();
    await looks(1);
    for (let step = 0; step < 14; step++) {
      write('fine:x '.repeat(step + 1));
      await looks(2);
    }
    const all = told();
    assert.equal(all.filter((line) => line === 'watch.narrowed').length, 1);
    assert.equal(all.filter((line) => line === 'audit.finished files').length, 10);
    clock.advance(HOUR_MS);
    await looks(1);
    assert.ok(told().includes('audit.finished schedule'));
  });

  it('audits on schedule without any change', async () => {
    start();
    await idle();
    clock.advance(HOUR_MS);
    await idle();
    clock.advance(HOUR_MS);
    await idle();
    // Looks go on in between, so that an hour is cut into them.
    await looks(2);
    assert.ok(told().filter((line) => line === 'audit.finished schedule').length >= 1);
  });

  it('does not take for mended what cannot be told any more', async () => {
    start();
    await looks(1);
    write('lost:a');
    await looks(2);
    assert.deepEqual(told(), ['audit.finished start', 'audit.finished files']);
    write('weak:a');
    await looks(2);
    assert.deepEqual(told(), ['audit.finished files'], 'it was open all the while, and is nothing new');
  });

  it('audits once more where a file was changed while it was being audited', async () => {
    clock = new ManualClock(0);
    start();
    await looks(2);
    clock.setEpoch(LONG_AFTER);
    await looks(5);
    assert.deepEqual(told(), ['audit.finished start', 'audit.finished files', 'audit.finished files']);
  });

  it('goes on from the state of the last one', async () => {
    start();
    await looks(1);
    ending.abort();
    await running;
    told();
    ending = new AbortController();
    write('fine:a weak:c');
    start();
    await idle();
    assert.deepEqual(told(), ['finding.new c', 'finding.mended a', 'audit.finished start']);
  });

  it('tells of listeners that come and go, audits again for them, and tells once of those that nobody uses', async () => {
    const socket = (address: string, port: number): string =>
      `tcp LISTEN 0 100 ${address}:${port} 0.0.0.0:* users:(("mosquitto",pid=7,fd=5))\n`;
    sockets = socket('0.0.0.0', 8883);
    start({ unusedAfterMs: 10 * LOOK_MS });
    await looks(1);
    assert.deepEqual(told(), ['audit.finished start']);
    sockets += socket('0.0.0.0', 1883) + socket('127.0.0.1', 9001);
    await looks(1);
    assert.deepEqual(told(), ['listener.appeared 1883', 'listener.appeared 9001', 'audit.finished listeners']);
    connections = 'ESTAB 0 0 192.0.2.1:8883 198.51.100.7:50000\n';
    await looks(30);
    assert.deepEqual(told(), ['listener.unused 1883'], '8883 is used, and 9001 only the host itself reaches');
    sockets = socket('0.0.0.0', 8883);
    await looks(1);
    assert.deepEqual(told(), ['listener.gone 1883', 'listener.gone 9001', 'audit.finished listeners']);
  });

  it('tells of an audit that cannot be made, and goes on', async () => {
    let runs = 0;
    start({
      audit: async () => {
        if (++runs === 2) throw new Error('the audit file is broken');
        return { report: reportOf(...outcomesOf(readFileSync(join(root, CONFIG), 'utf8'))), paths: [CONFIG] };
      },
    });
    await looks(1);
    write('weak:z');
    await looks(2);
    assert.deepEqual(told(), ['audit.finished start', 'audit.failed files']);
    write('weak:zz');
    await looks(2);
    assert.deepEqual(told(), ['finding.new zz', 'finding.mended a', 'audit.finished files']);
  });

  it('goes on where what it knows cannot be kept, and says so', async () => {
    let isFull = false;
    start({ onHistory: async () => (isFull ? Promise.reject(new Error('the disk is full')) : undefined) });
    await looks(1);
    isFull = true;
    write('fine:a');
    await looks(2);
    assert.deepEqual(told(), [
      'audit.finished start',
      'finding.mended a',
      'audit.finished files',
      'audit.failed files',
    ]);
  });

  it('says that the first audit cannot be made, and ends', async () => {
    start({ audit: () => Promise.reject(new Error('no audit file')) });
    await assert.rejects(running!, /no audit file/);
    running = undefined;
  });
});

describe('metrics of a watch', () => {
  it('count open findings by severity, and changes', () => {
    const text = auditMetrics(reportOf(...outcomesOf('weak:a weak:b fine:c')), { new: 2, mended: 1, regressed: 0 });
    assert.match(text, /^sallyport_audit_findings\{severity="high"\} 2$/m);
    assert.match(text, /^sallyport_audit_changes_total\{change="mended"\} 1$/m);
    assert.match(text, /^sallyport_audit_score 0$/m);
    assert.ok(
      text
        .split('\n')
        .every((line) => line === '' || line.startsWith('#') || /^\w+(?:\{\w+="[^"]*"\})? [\d.]+$/.test(line)),
    );
  });
});
