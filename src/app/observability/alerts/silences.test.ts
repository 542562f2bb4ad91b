import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { OperatorError } from '../../config/problem.ts';
import type { Alert } from './alert.ts';
import { matcherText, parseMatcher, SILENCES_MAX, Silences } from './silences.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-silences-'));
after(() => rmSync(root, { recursive: true }));
let files = 0;

function bench(path = join(root, `${files++}.json`), clock = new ManualClock()) {
  const told: GatewayEvent[] = [];
  let ids = 0;
  const open = (): Silences =>
    new Silences({ path, clock, emit: (event) => told.push(event), newId: () => `s${ids++}` });
  return { path, clock, told, open };
}

function alert(value: string, kind = 'address'): Alert {
  return {
    name: 'SallyportBruteForce',
    severity: 'warning',
    subject: { kind, value },
    summary: '',
    says: '',
    count: 1,
    startsAtMs: 0,
    lastAtMs: 0,
    runbook: '',
  };
}

const ANN = { by: 'local:ann', reason: 'our own scanner' };

test('a silence holds for what it matches, until its time is over', () => {
  const { open, clock } = bench();
  const silences = open();
  silences.add({ matchers: ['alert=Sallyport*', 'subject=192.0.2.*'], durationMs: 60_000, ...ANN });
  assert.ok(silences.isSilenced(alert('192.0.2.7')));
  assert.ok(!silences.isSilenced(alert('198.51.100.7')));
  clock.advance(60_000);
  assert.ok(!silences.isSilenced(alert('192.0.2.7')));
  assert.deepEqual(silences.list(), []);
});

test('a matcher with != holds for all others', () => {
  const silences = bench().open();
  silences.add({ matchers: ['alert=SallyportBruteForce', 'subjectKind!=username'], durationMs: 60_000, ...ANN });
  assert.ok(silences.isSilenced(alert('192.0.2.7')));
  assert.ok(!silences.isSilenced(alert('ann', 'username')));
});

test('silences survive a restart, in a file for the owner alone, and so does taking one back', () => {
  const { open, path } = bench();
  const first = open();
  const { id } = first.add({ matchers: ['severity=info'], durationMs: 60_000, ...ANN });
  first.add({ matchers: ['severity=warning'], durationMs: 90_000, ...ANN });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const second = open();
  assert.equal(second.list().length, 2);
  second.remove(id);
  assert.deepEqual(
    open()
      .list()
      .map(({ reason, by }) => [reason, by]),
    [['our own scanner', 'local:ann']],
  );
  assert.throws(() => second.remove(id), /no silence "s0"/);
});

test('what makes no sense is refused with the cure', () => {
  const silences = bench().open();
  const add = (...matchers: string[]) => silences.add({ matchers, durationMs: 1000, ...ANN });
  assert.throws(() => add(), /Say what is to be silent/);
  assert.throws(() => add('SallyportBruteForce'), /is no matcher: give one such as/);
  assert.throws(() => add('subjet=x'), /did you mean subject\?/);
  assert.throws(() => add(...Array(9).fill('subject=x')), /at most 8 matchers/);
  assert.throws(() => silences.add({ matchers: ['subject=x'], durationMs: 1, by: 'x', reason: ' ' }), /Say why/);
  assert.throws(() => silences.add({ matchers: ['subject=x'], durationMs: 1, by: 'x', reason: 'a\nb' }), /one line/);
  assert.throws(() => parseMatcher(`subject=${'x'.repeat(600)}`), OperatorError);
  // One that holds nothing back would be taken for one that does.
  assert.throws(
    () => parseMatcher('alert=SallyportDwon'),
    /No alert is called "SallyportDwon"; did you mean SallyportDown\?/,
  );
  assert.throws(() => parseMatcher('severity!=criticl'), /did you mean critical\?/);
  assert.throws(() => parseMatcher('alert=zzz'), /; there are: .*SallyportDown\.$/);
  for (const text of ['alert=Sallyport*', 'alert=MQTTClientUnauthorizedAccess', 'severity=warning', 'alert=*'])
    assert.equal(matcherText(parseMatcher(text)), text);
});

test('there is a ceiling, and silences that are over make room', () => {
  const { open, clock } = bench();
  const silences = open();
  for (let i = 0; i < SILENCES_MAX; i++) silences.add({ matchers: ['subject=x'], durationMs: 1000, ...ANN });
  assert.throws(() => silences.add({ matchers: ['subject=x'], durationMs: 1000, ...ANN }), /already/);
  clock.advance(1000);
  silences.add({ matchers: ['subject=x'], durationMs: 1000, ...ANN });
});

test('a damaged file is set aside and told, and hides no alert', () => {
  const damages = [
    '{',
    'null',
    '{"form":2,"silences":[]}',
    '{"form":1,"silences":[{"id":"x"}]}',
    '{"form":1,"silences":[{"id":"x","by":"","reason":"","createdAtMs":0,"untilMs":9e15,"matchers":[]}]}',
    '{"form":1,"silences":[null]}',
  ];
  for (const text of damages) {
    const { open, path, told } = bench();
    writeFileSync(path, text);
    const silences = open();
    assert.deepEqual(silences.list(), [], text);
    assert.equal(told[0]?.name, 'storage.damaged');
    assert.equal(readFileSync(`${path}.damaged`, 'utf8'), text);
    assert.ok(!existsSync(path));
  }
});

test('a silence that cannot be kept is refused, and nothing is changed', () => {
  const silences = bench(join(root, 'absent', 'x.json')).open();
  assert.throws(() => silences.add({ matchers: ['subject=x'], durationMs: 1000, ...ANN }), /Nothing was changed/);
  assert.deepEqual(silences.list(), []);
});
