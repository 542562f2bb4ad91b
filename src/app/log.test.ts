import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { eventually } from '../../test/kit/eventually.ts';
import { systemClock } from '../base/clock.ts';
import type { ConnectionFacts, Decision, GatewayEvent } from '../base/events.ts';
import { OperatorError } from './config/problem.ts';
import { EVENT_LEVELS } from './event-level.ts';
import { eventSentence } from './event-sentence.ts';
import { openLog } from './log.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-log-'));
after(() => rmSync(directory, { recursive: true }));
let made = 0;

const FACTS: ConnectionFacts = {
  connectionId: 'c1',
  listener: 'mqtts',
  address: '2001:db8::9',
  port: 50214,
  clientId: 'pump-7',
  username: 'device1',
};
const BAN = { subjectKind: 'address', subject: '192.0.2.9', reason: 'brute force', author: 'detector:bruteForce' };
const DECISION: Decision = { by: 'acl:acl:7', reason: 0x87, says: 'Nothing grants it.' };
const DENIED: GatewayEvent = {
  name: 'publish.refused',
  ...FACTS,
  ...DECISION,
  topic: 'a/b',
  qos: 1,
  retain: false,
  action: 'refused',
};

interface Line extends Record<string, unknown> {
  msg: string;
}

const FOUND = {
  check: 'M01',
  title: 'No anonymous access',
  severity: 'critical',
  target: 'mosquitto:/etc/mosquitto/mosquitto.conf',
  fingerprint: '0123456789abcdef',
  says: 'allow_anonymous true',
} as const;
const LISTENER = { place: '0.0.0.0:1883', process: 'mosquitto', says: 'mosquitto listens on 0.0.0.0:1883 now' };
const AUDIT_EVENTS: readonly GatewayEvent[] = [
  { name: 'audit.finding.new', ...FOUND },
  { name: 'audit.finding.mended', ...FOUND, subject: 'listener 1883' },
  { name: 'audit.finding.regressed', ...FOUND },
  {
    name: 'audit.finished',
    trigger: 'files',
    undecided: 2,
    score: 39,
    coveragePercent: 80,
    critical: 1,
    high: 0,
    medium: 2,
    low: 3,
    info: 0,
  },
  { name: 'audit.failed', says: 'audit.yaml cannot be read' },
  { name: 'audit.listener.appeared', ...LISTENER },
  { name: 'audit.listener.gone', ...LISTENER },
  { name: 'audit.listener.unused', ...LISTENER },
];

/** What the log writes for these events at this level. */
async function written(
  events: GatewayEvent[],
  level: 'debug' | 'info' | 'warn' | 'error' = 'info',
): Promise<{ raw: string; lines: Line[] }> {
  const destination = join(directory, `log${made++}`);
  const log = await openLog({ level, destination }, systemClock);
  for (const event of events) log.emit(event);
  await log.close();
  const raw = readFileSync(destination, 'utf8');
  return {
    raw,
    lines: raw
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line),
  };
}

describe('the event log', () => {
  it('shows a failed login and a denied publish at the default level, with address, user, topic and author', async () => {
    const failed: GatewayEvent = {
      name: 'authentication.failed',
      method: 'password-file',
      ...FACTS,
      by: 'password-file:users',
      reason: 0x86,
      says: 'Wrong password.',
    };
    const { lines } = await written([failed, DENIED]);
    assert.equal(lines.length, 2);
    for (const line of lines) {
      assert.equal(line['level'], 'warn');
      assert.equal(line['address'], '2001:db8::9');
      assert.equal(line['username'], 'device1');
      assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    assert.equal(lines[0]!['event'], 'authentication.failed');
    assert.equal(lines[1]!['topic'], 'a/b');
    assert.equal(lines[1]!['by'], 'acl:acl:7');
    assert.equal(
      lines[1]!.msg,
      'Denied a publish of client "pump-7" (user "device1") from [2001:db8::9]:50214 on mqtts to "a/b" (refused): Nothing grants it. [acl:acl:7]',
    );
  });

  it('writes nothing below its level, and follows a change of level', async () => {
    const accepted: GatewayEvent = { name: 'connection.accepted', ...FACTS };
    assert.equal((await written([accepted])).raw, '');
    assert.equal((await written([accepted], 'debug')).lines.length, 1);
    const destination = join(directory, `log${made++}`);
    const log = await openLog({ level: 'error', destination }, systemClock);
    log.emit(DENIED);
    log.setLevel('warn');
    log.emit(DENIED);
    await log.close();
    assert.equal(readFileSync(destination, 'utf8').split('\n').length, 2);
  });

  it('cannot be forged: hostile names stay inside their line, and no terminal acts on them', async () => {
    const hostile = 'x\n{"level":"info","event":"client.connected"}\r\u001b[2J\u009b2J\u2028\u202eevil\u0000\ud800"\\';
    const { raw, lines } = await written([{ ...DENIED, username: hostile, topic: hostile }]);
    assert.equal(raw.split('\n').length, 2);
    assert.doesNotMatch(raw.trimEnd(), /[\x00-\x1f\x7f-\x9f\u2028\u202e]/);
    assert.equal(lines[0]!['topic'], hostile);
    assert.ok(lines[0]!.msg.includes(hostile));
  });

  it('cuts what a peer made long', async () => {
    const { raw, lines } = await written([{ ...DENIED, topic: 't'.repeat(65_535) }]);
    assert.equal(lines[0]!['topic'], `${'t'.repeat(512)}…`);
    assert.ok(raw.length < 3000);
  });

  it('never throws, whatever it is handed', async () => {
    const circular: Record<string, unknown> = { name: 'storage.failed', path: 'x' };
    circular['says'] = circular;
    const events = [circular, { name: 'no.such.event' }, null, { ...DENIED, reason: 1n }] as unknown as GatewayEvent[];
    const { lines } = await written([...events, DENIED]);
    assert.equal(lines.at(-1)!['event'], 'publish.refused');
  });

  it('goes on in a new file after logrotate has moved the old one', async () => {
    const destination = join(directory, `log${made++}`);
    const log = await openLog({ level: 'info', destination }, systemClock);
    log.emit(DENIED);
    await log.settled();
    renameSync(destination, `${destination}.1`);
    log.reopen();
    // Reopening is asynchronous, and a line that is written meanwhile may still go to the old file.
    await eventually('the new file is written', () => {
      log.emit({ ...DENIED, topic: 'meanwhile' });
      return existsQuietly(destination) && readFileSync(destination, 'utf8').includes('meanwhile');
    });
    log.emit({ ...DENIED, topic: 'after' });
    await log.close();
    assert.match(readFileSync(destination, 'utf8'), /"topic":"after"/);
    assert.doesNotMatch(readFileSync(`${destination}.1`, 'utf8'), /"topic":"after"/);
    assert.equal(statSync(destination).mode & 0o777 & ~0o640, 0);
  });

  it('refuses to start on a file that cannot be written, and names the key', async () => {
    const destination = join(directory, 'absent', 'log');
    await assert.rejects(openLog({ level: 'info', destination }, systemClock), (error: Error) => {
      return error instanceof OperatorError && /absent\/log cannot be written.*log\.destination/.test(error.message);
    });
  });

  it('drops and counts lines when nobody reads, within bounded memory, and says so once somebody does', async () => {
    const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
    const flood = `
      import { openLog } from ${module('log.ts')};
      import { systemClock } from ${module('../base/clock.ts')};
      const log = await openLog({ level: 'info', destination: 'stdout' }, systemClock);
      const event = ${JSON.stringify({ ...DENIED, topic: 't'.repeat(400) })};
      for (let i = 0; i < 20000; i++) log.emit(event);
      process.stderr.write('full');
      process.stdin.once('data', () => {
        process.stdin.destroy();
        const asking = setInterval(() => {
          const before = log.droppedCount;
          log.emit(event);
          if (log.droppedCount > before) return;
          clearInterval(asking);
          void log.close();
        }, 10);
      });
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', flood], { stdio: 'pipe' });
    await once(child.stderr, 'data');
    let heard = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      heard += text;
    });
    child.stdin.write('now');
    await once(child, 'close');
    const lines = heard
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line);
    const told = lines.findLast((line) => line['event'] === 'log.dropped');
    assert.ok(told, 'the loss is told');
    assert.ok(heard.length < 6 * 1024 * 1024);
    const events = lines.filter((line) => line['event'] === 'publish.refused').length;
    const lost = lines
      .filter((line) => line['event'] === 'log.dropped')
      .reduce((sum, line) => sum + Number(line['lines']), 0);
    assert.ok(events + lost >= 20_001);
  });
});

function existsQuietly(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

describe('the sentences of events', () => {
  const samples: GatewayEvent[] = [
    {
      name: 'shadow.differed',
      kind: 'would deny',
      action: 'publish',
      topic: 'a',
      clientId: 'c',
      active: 'acl:7',
      candidate: 'policy:default',
      times: 1,
    },
    { name: 'learning.started', by: 'operator' },
    { name: 'learning.stopped', by: 'configuration' },
    { name: 'gateway.started', version: '1.0.0', pid: 7, durationMs: 12.4 },
    { name: 'gateway.stopping', signal: 'SIGTERM', connections: 1 },
    { name: 'gateway.stopped', durationMs: 3, connectionsCut: 0 },
    { name: 'listener.opened', listener: 'mqtts', address: '::', port: 8883, type: 'tls' },
    { name: 'listener.closed', listener: 'mqtts' },
    { name: 'listener.failed', listener: 'mqtts', says: 'gone' },
    { name: 'config.reloaded', generation: 2, changed: ['limits'], restartNeeded: ['dataDirectory'] },
    { name: 'config.rejected', says: 'wrong' },
    { name: 'certificate.loaded', listener: 'mqtts', subject: 'localhost', fingerprint: 'ab', expiresAt: '2027-01-01' },
    { name: 'certificate.expiring', listener: 'mqtts', subject: 'localhost', expiresAt: '2027-01-01', daysLeft: 1 },
    { name: 'certificate.revoked', ...FACTS, ...DECISION, subject: 'CN=pump-7', serial: '0a', fingerprint: 'f0' },
    { name: 'revocation.refreshed', place: 'http://ca/crl', issuer: 'CN=CA', entries: 2, nextUpdate: '2027-01-01' },
    { name: 'revocation.stale', place: 'http://ca/crl', says: 'no answer' },
    { name: 'connection.accepted', ...FACTS },
    { name: 'connection.rejected', ...FACTS, ...DECISION },
    { name: 'connection.closed', durationMs: 1, bytesIn: 2, bytesOut: 3, connected: true, ...FACTS, ...DECISION },
    { name: 'authentication.succeeded', method: 'password-file', ...FACTS },
    { name: 'authentication.failed', method: 'password-file', ...FACTS, ...DECISION },
    { name: 'password.expiring', username: 'u', expiresAt: '2026-01-01T00:00:00.000Z', daysLeft: 3 },
    { name: 'password.upgraded', username: 'u', from: 'pbkdf2-sha512,i=101', to: 'argon2id,m=19456,t=2,p=1' },
    { name: 'client.connected', cleanStart: true, sessionPresent: false, keepAliveS: 60, ...FACTS },
    { name: 'connect.refused', ...FACTS, ...DECISION },
    { name: 'will.refused', topic: 'a', ...FACTS, ...DECISION },
    { name: 'will.withheld', topic: 'a', clientId: 'c', username: 'u', ...DECISION },
    DENIED,
    { name: 'subscribe.refused', filter: '#', ...FACTS, ...DECISION },
    { name: 'subscription.revoked', filter: '#', ...FACTS, ...DECISION },
    { name: 'delivery.withheld', topic: 'a', qos: 0, ...FACTS, ...DECISION },
    { name: 'delivery.dropped', topic: 'a', qos: 0, ...FACTS, ...DECISION },
    { name: 'packet.faulted', fault: 'x', clause: 'MQTT-1', sender: 'client', ...FACTS, ...DECISION },
    { name: 'patch.applied', by: 'virtual-patch:CVE-2019-11778', says: 'shortened', ...FACTS },
    {
      name: 'attack.detected',
      detector: 'bruteForce',
      subjectKind: 'address',
      subject: '192.0.2.9',
      score: 1.2,
      severity: 'high',
      technique: 'T1110',
      says: '192.0.2.9 failed to log in 12 times.',
      count: 12,
      threshold: 10,
      windowMs: 120_000,
      examples: ['user "root"'],
      responses: ['ban'],
      repetition: 1,
    },
    { name: 'attack.ended', detector: 'x', subjectKind: 'address', subject: 'y', durationMs: 1000, scoreMax: 2 },
    {
      name: 'response.taken',
      action: 'throttle',
      subjectKind: 'clientId',
      subject: 'd42',
      by: 'detector:publishFlood',
      says: 'too much',
    },
    { name: 'quarantine.diverted', ...FACTS, upstream: 'decoy' },
    { name: 'quarantine.ended', subjectKind: 'clientId', subject: 'd42', change: 'released' },
    {
      name: 'response.rolled-back',
      by: 'detector:publishFlood',
      responses: 2,
      subjects: ['client:d42'],
      knownGoodHit: 5,
      knownGood: 9,
      suspendedMs: 1000,
      says: 'they hit 5 of 9',
    },
    { name: 'ban.added', ...BAN, expiresAt: '2026-01-01T00:00:00.000Z', offence: 1 },
    { name: 'ban.removed', ...BAN, by: 'operator:ann', says: 'our own scanner' },
    { name: 'ban.expired', ...BAN },
    { name: 'ban.refused', ...BAN, by: 'bans.allow', says: '192.0.2.0/24 is never banned' },
    { name: 'overload.entered', stage: 2, measure: 'memory', value: 90, limit: 100, says: 'all wait' },
    { name: 'overload.left', stage: 2, measure: 'memory', value: 70, limit: 100 },
    { name: 'connection.shed', action: 'evicted', ...FACTS, ...DECISION },
    {
      name: 'control.refused',
      request: 'POST /v1/bans',
      status: 403,
      by: 'control:forbidden',
      says: 'This needs the role operator, and ann has viewer.',
      operator: 'ann',
      address: '192.0.2.7',
    },
    { name: 'control.failed', request: 'GET /v1/status', instance: 'urn:sallyport:request:a', says: 'no such file' },
    { name: 'ceiling.reached', ceiling: 'sessionsMax', limit: 3, says: 'full' },
    { name: 'worker.started', slot: 1, pid: 7 },
    { name: 'worker.exited', slot: 1, pid: 7, code: 'SIGKILL', restartInMs: 250 },
    { name: 'worker.stuck', slot: 1, pid: 7, says: 'it does not answer' },
    {
      name: 'limit.exceeded',
      ...FACTS,
      ...DECISION,
      limit: 'publish.messagesPerSecond',
      scope: 'user',
      key: 'ann',
      value: '10',
      source: 'sallyport.yaml:12',
      action: 'delayed',
    },
    {
      name: 'limit.changed',
      target: 'client:d42',
      limit: 'inflightMax',
      value: '5',
      source: 'operator',
      action: 'set',
    },
    { name: 'upstream.up', upstream: 'site', target: 'mqtt://b:1883', mqtt5: true },
    { name: 'upstream.down', upstream: 'site', target: 'mqtt://b:1883', says: 'gone' },
    { name: 'upstream.attempt.failed', upstream: 'site', target: 'mqtt://b:1883', says: 'gone' },
    { name: 'upstream.ejected', upstream: 'site', target: 'mqtt://b:1883', by: 'operator', says: 'maintenance' },
    { name: 'upstream.draining', upstream: 'site', target: 'mqtt://b:1883', connections: 2 },
    { name: 'upstream.returned', upstream: 'site', target: 'mqtt://b:1883', by: 'operator' },
    { name: 'backend.failed', backend: 'ldap', says: 'gone' },
    { name: 'backend.recovered', backend: 'ldap' },
    { name: 'events.left-out', of: 'publish.refused', count: 12, windowS: 10, from: '192.0.2.1' },
    { name: 'collector.failed', collector: 'tls://siem.example.org:6514', says: 'ECONNREFUSED' },
    { name: 'collector.recovered', collector: 'tls://siem.example.org:6514', lost: 3 },
    { name: 'collector.abandoned', collector: 'tls://siem.example.org:6514', lost: 1 },
    { name: 'operator.changed', operator: 'ada', what: 'role', says: 'The role is admin now.', by: 'bob', from: '::1' },
    { name: 'operator.login.succeeded', address: '::1', operator: 'ada', role: 'admin', method: 'password' },
    { name: 'operator.login.failed', address: '::1', method: 'password', by: 'operators', says: 'Wrong.' },
    { name: 'operator.session.ended', address: '::1', operator: 'ada', says: 'It was idle for too long.' },
    { name: 'recording.written', connection: 'c7', clientId: 'd42', incident: 'ban', packets: 1, path: '/r/x.pcapng' },
    { name: 'storage.damaged', path: 'broker.sqlite', rows: 3, says: 'unreadable' },
    { name: 'storage.failed', says: 'disk full', path: 'broker.sqlite' },
    { name: 'storage.recovered', path: 'broker.sqlite' },
    {
      name: 'alert.fired',
      alert: 'SallyportBruteForce',
      severity: 'warning',
      subjectKind: 'address',
      subject: '192.0.2.7',
      says: 'Failed login',
    },
    { name: 'alert.resolved', alert: 'SallyportBanStorm', severity: 'warning', durationMs: 61_000 },
    { name: 'receiver.failed', receiver: 'chat', says: 'it answered 503' },
    { name: 'session.removed', clientId: 'd42', queuedMessages: 2, by: 'operator:ann', says: 'it was in the way' },
    { name: 'receiver.recovered', receiver: 'chat', lost: 0 },
    { name: 'receiver.abandoned', receiver: 'chat', lost: 2 },
    { name: 'firewall.failed', says: 'the ruleset is not loaded' },
    { name: 'firewall.recovered', bans: 3 },
    ...AUDIT_EVENTS,
  ];

  it('cover every event, are one line, and hold no undefined', () => {
    assert.deepEqual(samples.map((event) => event.name).sort(), Object.keys(EVENT_LEVELS).sort());
    for (const event of samples) {
      const sentence = eventSentence(event);
      assert.match(sentence, /^[A-Z][^\n]+$/, event.name);
      assert.doesNotMatch(sentence, /undefined|NaN|\[object/, event.name);
    }
  });

  it('leave out what is not known yet', () => {
    const early: GatewayEvent = {
      name: 'connection.rejected',
      connectionId: 'c1',
      listener: 'mqtts',
      address: '192.0.2.9',
      port: 1,
      by: 'codec',
      reason: 0x81,
      says: 'HTTP on the MQTT port.',
    };
    assert.equal(
      eventSentence(early),
      'Rejected a connection from 192.0.2.9:1 on mqtts: HTTP on the MQTT port. [codec]',
    );
  });
});
