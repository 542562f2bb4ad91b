import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../base/manual-clock.ts';
import type { Alert, Label } from './alert.ts';
import { Grouping } from './grouping.ts';
import { LISTED_MAX, type Notification } from './notification.ts';

function alert(subject: string, endsAtMs?: number, name: Alert['name'] = 'SallyportBruteForce'): Alert {
  return {
    name,
    severity: 'warning',
    subject: { kind: 'address', value: subject },
    summary: 'Somebody tries passwords.',
    says: 'Failed login',
    count: 1,
    startsAtMs: 0,
    lastAtMs: 0,
    runbook: 'docs/runbooks/SallyportBruteForce.md',
    ...(endsAtMs === undefined ? {} : { endsAtMs }),
  };
}

function bench(groupBy: readonly Label[] = ['alert'], sendsResolved = true) {
  const clock = new ManualClock();
  const told: Notification[] = [];
  const silenced = new Set<string>();
  const grouping = new Grouping({
    clock,
    groupBy,
    groupWaitMs: 10_000,
    groupIntervalMs: 60_000,
    repeatIntervalMs: 600_000,
    sendsResolved,
    isSilenced: ({ subject }) => silenced.has(subject.value),
    current: () => undefined,
    notify: (notification) => told.push(notification),
  });
  const said = (): string[] =>
    told.map(({ status, alerts }) => `${status}: ${alerts.map(({ subject }) => subject.value).join(' ')}`);
  return { clock, told, said, silenced, grouping };
}

test('alerts of one group that come together are told together, after the wait', () => {
  const { clock, said, grouping } = bench();
  grouping.take(alert('a'));
  clock.advance(5000);
  grouping.take(alert('b'));
  assert.deepEqual(said(), []);
  clock.advance(5000);
  assert.deepEqual(said(), ['firing: a b']);
});

test('grouped by subject, two attackers are two notifications', () => {
  const { clock, said, grouping } = bench(['alert', 'subject']);
  grouping.take(alert('a'));
  grouping.take(alert('b'));
  clock.advance(10_000);
  assert.deepEqual(said(), ['firing: a', 'firing: b']);
});

test('news of a group that was told waits for its interval; without news it is repeated, and then resolved', () => {
  const { clock, said, grouping } = bench();
  grouping.take(alert('a'));
  clock.advance(10_000);
  grouping.take(alert('b'));
  clock.advance(59_000);
  assert.equal(said().length, 1);
  clock.advance(1000);
  assert.deepEqual(said().slice(1), ['firing: a b']);
  clock.advance(599_000);
  assert.equal(said().length, 2);
  clock.advance(61_000);
  assert.deepEqual(said().slice(2), ['firing: a b']);
  grouping.take(alert('a', 1));
  grouping.take(alert('b', 1));
  clock.advance(60_000);
  assert.deepEqual(said().slice(3), ['resolved: a b']);
  assert.equal(clock.pendingCount, 0);
});

test('what is over before anybody was told of it is not told', () => {
  const { clock, said, grouping } = bench();
  grouping.take(alert('a'));
  grouping.take(alert('a', 1));
  clock.advance(10_000);
  assert.deepEqual(said(), []);
  assert.equal(clock.pendingCount, 0);
});

test('what is silent is not told, nor that it is over; when the silence ends it is told if it still fires', () => {
  const { clock, said, silenced, grouping } = bench();
  silenced.add('a').add('b');
  grouping.take(alert('a'));
  grouping.take(alert('b'));
  clock.advance(10_000);
  grouping.take(alert('b', 1));
  clock.advance(60_000);
  silenced.clear();
  clock.advance(60_000);
  assert.deepEqual(said(), ['firing: a']);
});

test('a receiver that does not want resolved alerts gets none', () => {
  const { clock, said, grouping } = bench(['alert'], false);
  grouping.take(alert('a'));
  clock.advance(10_000);
  grouping.take(alert('a', 1));
  clock.advance(60_000);
  assert.deepEqual(said(), ['firing: a']);
  assert.equal(clock.pendingCount, 0);
});

test('one notification lists a bounded number of alerts and counts the rest', () => {
  const { clock, told, grouping } = bench();
  for (let i = 0; i < 101; i++) grouping.take(alert(`a${i}`));
  clock.advance(10_000);
  assert.equal(told[0]?.alerts.length, LISTED_MAX);
  assert.equal(told[0]?.more, 101 - LISTED_MAX);
});

test('at the end what waits is told, and no timer is left', () => {
  const { clock, said, grouping } = bench();
  grouping.take(alert('a'));
  grouping.close();
  assert.deepEqual(said(), ['firing: a']);
  assert.equal(clock.pendingCount, 0);
});
