import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { ALERTS } from '../alert-catalogue.ts';
import { type Alert, isFiring } from './alert.ts';
import { conditionsInForce } from './alerts.ts';
import { CONDITIONS } from './conditions.ts';
import { AlertEngine, SUBJECTS_MAX } from './engine.ts';

const JOURNAL_DIRECTORY = '/var/lib/sallyport/journal';

type Overrides = Parameters<typeof conditionsInForce>[0];

function bench(overrides: Overrides = []) {
  const clock = new ManualClock();
  const changes: Alert[] = [];
  const told: GatewayEvent[] = [];
  const engine = new AlertEngine({
    conditions: conditionsInForce(overrides, JOURNAL_DIRECTORY),
    clock,
    emit: (event) => told.push(event),
    onChange: (alert) => changes.push(alert),
    runbooks: undefined,
  });
  const firing = (): string[] => engine.firing().map(({ name, subject }) => `${name} ${subject.kind}=${subject.value}`);
  return { clock, changes, told, engine, firing };
}

const facts = { connectionId: 'c1', listener: 'tcp', address: '192.0.2.7', port: 4711, protocolVersion: 5 } as const;

function failed(address: string = facts.address, suppressed = 0): GatewayEvent {
  const decision = { by: 'password-file', reason: 0x86, says: 'wrong password', suppressed };
  return { name: 'authentication.failed', method: 'password-file', ...facts, ...decision, address };
}

function refused(clientId: string): GatewayEvent {
  const decision = { by: 'acl:default', reason: 0x87, says: 'no grant' };
  const publish = { topic: 'plant/x', qos: 0, retain: false, action: 'refused' } as const;
  return { name: 'publish.refused', ...publish, ...facts, clientId, ...decision };
}

test('every alert that is not for somebody outside has one condition, and no other has', () => {
  const expected = ALERTS.filter((kind) => !('isOutsideOnly' in kind)).map(({ name }) => name);
  assert.deepEqual(CONDITIONS.map(({ alert }) => alert).sort(), [...expected].sort());
});

test('as many failed logins of one address as the condition asks for raise an alert, and one fewer does not', () => {
  const { engine, firing } = bench();
  for (let i = 0; i < 9; i++) engine.take(failed());
  for (let i = 0; i < 9; i++) engine.take(failed('192.0.2.8'));
  assert.deepEqual(firing(), []);
  engine.take(failed());
  assert.deepEqual(firing(), ['SallyportBruteForce address=192.0.2.7']);
});

test('logins of operators that fail raise the alert that those of clients do', () => {
  const { engine, firing } = bench();
  const login = { name: 'operator.login.failed', address: '192.0.2.7', method: 'password', by: 'operators' } as const;
  for (let i = 0; i < 10; i++) engine.take({ ...login, says: 'The name or the password is wrong.' });
  assert.deepEqual(firing(), ['SallyportBruteForce address=192.0.2.7']);
});

test('events that were held back count, and those outside of the window do not', () => {
  const { engine, clock, firing } = bench();
  for (let i = 0; i < 9; i++) engine.take(failed());
  clock.advance(300_000);
  engine.take(failed());
  assert.deepEqual(firing(), []);
  engine.take(failed(facts.address, 8));
  assert.equal(engine.firing()[0]?.count, 10);
  assert.deepEqual(firing(), ['SallyportBruteForce address=192.0.2.7']);
});

test('what a detector has found raises at once, about the subject that it names', () => {
  const { engine, firing, told } = bench();
  engine.take({
    name: 'attack.detected',
    detector: 'unauthorizedAccess',
    subjectKind: 'clientId',
    subject: 'pump-7',
    score: 1,
    severity: 'medium',
    technique: 'T1',
    says: 'Client "pump-7" was refused 20 times',
    count: 20,
    threshold: 20,
    windowMs: 1,
    examples: [],
    responses: ['alert'],
    repetition: 1,
    ...facts,
  });
  assert.deepEqual(firing(), ['MQTTClientUnauthorizedAccess clientId=pump-7']);
  // The same client's refusals belong to the same alert.
  for (let i = 0; i < 20; i++) engine.take(refused('pump-7'));
  assert.equal(firing().length, 1);
  assert.deepEqual(
    told.map(({ name }) => name),
    ['alert.fired'],
  );
  assert.partialDeepStrictEqual(told[0], { alert: 'MQTTClientUnauthorizedAccess', address: '192.0.2.7' });
});

test('an alert is over when nothing has raised it again for so long, counted from the last time', () => {
  const { engine, clock, changes, firing } = bench();
  for (let i = 0; i < 10; i++) engine.take(failed());
  clock.advance(590_000);
  engine.take(failed());
  clock.advance(599_000);
  assert.equal(firing().length, 1);
  clock.advance(2_000);
  assert.deepEqual(firing(), []);
  assert.deepEqual(changes.map(isFiring), [true, false]);
  assert.equal(clock.pendingCount, 0);
});

test('an alert that only an event ends goes on until it comes, about the same', () => {
  const { engine, clock, firing } = bench();
  const place = { upstream: 'site', target: 'mqtt://a:1883' };
  engine.take({ name: 'upstream.down', ...place, says: 'refused' });
  clock.advance(86_400_000);
  engine.take({ name: 'upstream.up', ...place, target: 'mqtt://b:1883', mqtt5: true });
  assert.deepEqual(firing(), ['SallyportUpstreamDown upstream target=site mqtt://a:1883']);
  engine.take({ name: 'upstream.up', ...place, mqtt5: true });
  assert.deepEqual(firing(), []);
});

test('a reload ends what was said of backends, which it makes anew', () => {
  const { engine, firing } = bench();
  for (const backend of ['directory', 'hook']) engine.take({ name: 'backend.failed', backend, says: 'refused' });
  engine.take({ name: 'upstream.down', upstream: 'site', target: 'mqtt://a:1883', says: 'refused' });
  engine.take({ name: 'config.reloaded', generation: 2, changed: [], restartNeeded: [] });
  assert.deepEqual(firing(), ['SallyportUpstreamDown upstream target=site mqtt://a:1883']);
});

test('the journal and other storage have alerts of their own', () => {
  const { engine, firing } = bench();
  engine.take({ name: 'storage.failed', path: JOURNAL_DIRECTORY, says: 'disk full' });
  assert.deepEqual(firing(), ['SallyportJournalBroken =']);
  engine.take({ name: 'storage.failed', path: '/var/lib/sallyport/bans.sqlite', says: 'disk full' });
  assert.deepEqual(firing(), [
    'SallyportJournalBroken =',
    'SallyportStorageFailing path=/var/lib/sallyport/bans.sqlite',
  ]);
  engine.take({ name: 'storage.recovered', path: JOURNAL_DIRECTORY });
  assert.equal(firing().length, 1);
});

test('a certificate that expires soon is told apart from one that has expired', () => {
  const { engine, firing } = bench();
  const certificate = { listener: 'mqtts', subject: 'CN=x', expiresAt: '2026-01-01' };
  engine.take({ name: 'certificate.expiring', ...certificate, daysLeft: 20 });
  assert.deepEqual(firing(), []);
  engine.take({ name: 'certificate.expiring', ...certificate, daysLeft: 13 });
  assert.deepEqual(firing(), ['SallyportCertificateExpiring listener=mqtts']);
  engine.take({ name: 'certificate.expiring', ...certificate, daysLeft: -1 });
  assert.equal(firing().at(-1), 'SallyportCertificateExpired listener=mqtts');
  engine.take({ name: 'certificate.loaded', ...certificate, fingerprint: 'ab' });
  assert.deepEqual(firing(), []);
});

test('subjects beyond the ceiling are one alert together, whatever an attacker invents', () => {
  const { engine, firing, clock } = bench();
  for (let i = 0; i < 1000; i++) for (let n = 0; n < 10; n++) engine.take(refused(`invented-${i}`));
  assert.equal(firing().length, SUBJECTS_MAX + 1);
  assert.equal(firing().at(-1), 'MQTTClientUnauthorizedAccess others=others');
  clock.advance(700_000);
  assert.deepEqual(firing(), []);
});

test('the operator changes thresholds and severity, and turns alerts off', () => {
  const { engine, firing, changes } = bench([
    {
      alert: 'SallyportBruteForce',
      enabled: true,
      severity: 'critical',
      count: 2,
      windowMs: undefined,
      quietMs: undefined,
    },
    { alert: 'MQTTClientUnauthorizedAccess', enabled: false, windowMs: undefined, quietMs: undefined },
  ]);
  for (let i = 0; i < 2; i++) engine.take(failed());
  for (let i = 0; i < 50; i++) engine.take(refused('pump-7'));
  assert.deepEqual(firing(), ['SallyportBruteForce address=192.0.2.7']);
  assert.equal(changes[0]?.severity, 'critical');
});
