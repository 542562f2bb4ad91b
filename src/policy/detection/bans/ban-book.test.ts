import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Chance } from '../../../base/chance.ts';
import type { GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { type Ban, parseBanSubject, subjectText } from './ban.ts';
import { BanBook, type BanEnd, type BanRules } from './ban-book.ts';
import { BanIndex } from './ban-index.ts';

const MINUTE = 60_000;
const RULES: BanRules = {
  allow: [],
  durationMs: 10 * MINUTE,
  factor: 4,
  durationMaxMs: 1440 * MINUTE,
  jitterPercent: 0,
  forgetAfterMs: 10_000 * MINUTE,
  entriesMax: 1000,
};

const noChance: Chance = { bytes: (length) => Buffer.alloc(length), below: () => 0 };

function setUp(rules: Partial<BanRules> = {}, chance = noChance) {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const index = new BanIndex();
  const book = new BanBook({
    clock,
    chance,
    index,
    rules: { ...RULES, ...rules },
    emit: (event) => events.push(event),
  });
  const lifted: [string, BanEnd][] = [];
  const shifts: number[] = [];
  book.follow({
    banned: () => {},
    lifted: ({ subject }, end) => lifted.push([subjectText(subject), end]),
    clockSet: (byMs) => shifts.push(byMs),
  });
  const subject = (text: string) => {
    const parsed = parseBanSubject(text);
    assert.ok(typeof parsed !== 'string');
    return parsed;
  };
  return {
    clock,
    events,
    index,
    book,
    lifted,
    shifts,
    detect: (text: string, from?: string) =>
      book.add({ subject: subject(text), reason: 'too many failures', author: 'detector:bruteForce', from }),
    order: (text: string, durationMs = Number.POSITIVE_INFINITY) =>
      book.add({ subject: subject(text), reason: 'asked for', author: 'operator:ann', durationMs }),
    pardon: (text: string) => book.remove(subject(text), 'operator:ann', 'a mistake'),
    names: () => events.map(({ name }) => name),
  };
}

function lengthOf(ban: Ban | undefined): number {
  return ban === undefined ? 0 : (ban.untilMs - ban.sinceMs) / MINUTE;
}

test('a ban is in force at once, and ends by itself', () => {
  const { book, clock, detect, index, lifted, names } = setUp();
  assert.equal(detect('192.0.2.7').kind, 'added');
  assert.equal(index.ofAddress('192.0.2.7')?.author, 'detector:bruteForce');
  assert.equal(index.ofAddress('192.0.2.8'), undefined);
  clock.advance(10 * MINUTE - 1);
  assert.equal(book.size, 1);
  clock.advance(1);
  assert.equal(book.size, 0);
  assert.deepEqual(lifted, [['address:192.0.2.7', 'expired']]);
  assert.deepEqual(names(), ['ban.added', 'ban.expired']);
});

test('repeat offenders are banned for longer, up to the maximum, until all is forgotten', () => {
  const { clock, detect, index } = setUp();
  const lengths: number[] = [];
  for (let i = 0; i < 6; i++) {
    detect('192.0.2.7');
    lengths.push(lengthOf(index.ofAddress('192.0.2.7')));
    clock.advance(1440 * MINUTE);
  }
  assert.deepEqual(lengths, [10, 40, 160, 640, 1440, 1440]);
  clock.advance(10_001 * MINUTE);
  detect('192.0.2.7');
  assert.equal(lengthOf(index.ofAddress('192.0.2.7')), 10);
});

test('jitter only adds, and never goes over the maximum', () => {
  const most: Chance = { bytes: (length) => Buffer.alloc(length), below: (below) => below - 1 };
  const { clock, detect, index } = setUp({ jitterPercent: 20, durationMaxMs: 45 * MINUTE }, most);
  const lengths: number[] = [];
  for (let i = 0; i < 2; i++) {
    detect('192.0.2.7');
    lengths.push(lengthOf(index.ofAddress('192.0.2.7')));
    clock.advance(60 * MINUTE);
  }
  assert.deepEqual(lengths, [12, 45]);
});

test('detectors that go on seeing a banned subject change nothing', () => {
  const { detect, order, names } = setUp();
  detect('192.0.2.7');
  assert.equal(detect('192.0.2.7').kind, 'kept');
  order('198.51.100.0/24');
  assert.equal(detect('198.51.100.9').kind, 'kept', 'its network is banned');
  assert.deepEqual(names(), ['ban.added', 'ban.added']);
});

test("an operator's word replaces whatever is in force, longer or shorter", () => {
  const { detect, order, index, clock, lifted } = setUp();
  detect('192.0.2.7');
  assert.equal(order('192.0.2.7', MINUTE).kind, 'replaced');
  assert.equal(index.ofAddress('192.0.2.7')?.author, 'operator:ann');
  clock.advance(MINUTE);
  assert.deepEqual(lifted, [['address:192.0.2.7', 'expired']]);
});

test('a ban without an end outlasts everything but a pardon', () => {
  const { order, pardon, clock, index, names } = setUp();
  order('client:d42');
  clock.advance(100 * RULES.forgetAfterMs);
  assert.notEqual(index.of({ address: '192.0.2.1', clientId: 'd42' }), undefined);
  assert.notEqual(pardon('client:d42'), undefined);
  assert.equal(pardon('client:d42'), undefined);
  assert.deepEqual(names(), ['ban.added', 'ban.removed']);
});

test('a pardoned offender begins anew', () => {
  const { detect, pardon, clock, index } = setUp();
  detect('192.0.2.7');
  clock.advance(10 * MINUTE);
  detect('192.0.2.7');
  pardon('192.0.2.7');
  detect('192.0.2.7');
  assert.equal(lengthOf(index.ofAddress('192.0.2.7')), 10);
});

test('bans that overlap hold side by side: lifting one leaves the others', () => {
  const { order, pardon, index } = setUp();
  order('192.0.2.0/24');
  order('192.0.2.128/25');
  order('192.0.2.200');
  assert.equal(index.ofAddress('192.0.2.200')?.subject.value, '192.0.2.200');
  pardon('192.0.2.200');
  assert.equal(index.ofAddress('192.0.2.200')?.subject.value, '192.0.2.128/25');
  pardon('192.0.2.128/25');
  assert.equal(index.ofAddress('192.0.2.200')?.subject.value, '192.0.2.0/24');
  pardon('192.0.2.0/24');
  assert.equal(index.ofAddress('192.0.2.200'), undefined);
});

test('an allowed network is never banned, by detectors or operators, in whatever form', () => {
  const { detect, order, events, book } = setUp({ allow: ['10.0.0.0/8', '2001:db8::/32'] });
  for (const text of ['10.1.2.3', '10.1.0.0/16', '::ffff:10.1.2.3', '2001:db8:1::/48']) {
    assert.equal(detect(text).kind, 'refused', text);
    const outcome = order(text);
    assert.ok(outcome.kind === 'refused');
    assert.match(outcome.says, /is never banned/);
  }
  assert.equal(book.size, 0);
  assert.ok(events.every((event) => event.name === 'ban.refused' && event.by === 'bans.allow'));
  assert.equal(events.length, 8);
});

test('a ban of a network leaves out the allowed ones inside', () => {
  const { order, index } = setUp({ allow: ['10.1.0.0/16', '192.0.2.7'] });
  order('10.0.0.0/8');
  order('192.0.2.0/24');
  assert.equal(index.ofAddress('10.1.2.3'), undefined);
  assert.notEqual(index.ofAddress('10.2.2.3'), undefined);
  assert.equal(index.ofAddress('192.0.2.7'), undefined);
});

test('no name is banned for what came from an allowed network, but an operator may ban it', () => {
  const { detect, order, index } = setUp({ allow: ['10.0.0.0/8'] });
  assert.equal(detect('client:d42', '10.0.0.1').kind, 'refused');
  assert.equal(detect('client:d42', '192.0.2.1').kind, 'added');
  order('user:ann');
  assert.equal(index.of({ address: '10.0.0.1', username: 'ann' })?.author, 'operator:ann');
});

test('a network that becomes allowed is pardoned', () => {
  const { detect, book, index, events } = setUp();
  detect('192.0.2.7');
  detect('198.51.100.7');
  book.apply({ ...RULES, allow: ['192.0.2.0/24'] });
  assert.equal(index.ofAddress('192.0.2.7'), undefined);
  assert.notEqual(index.ofAddress('198.51.100.7'), undefined);
  const removed = events.find((event) => event.name === 'ban.removed');
  assert.ok(removed?.name === 'ban.removed' && removed.by === 'config:bans.allow');
});

test('at the ceiling the ban that ends soonest makes room, and that is told once a minute', () => {
  const { detect, order, book, clock, index, lifted, events } = setUp({ entriesMax: 3 });
  detect('192.0.2.1');
  clock.advance(1000);
  detect('192.0.2.2');
  order('client:d42');
  clock.advance(1000);
  detect('192.0.2.3');
  detect('192.0.2.4');
  assert.equal(book.size, 3);
  assert.deepEqual(lifted, [
    ['address:192.0.2.1', 'evicted'],
    ['address:192.0.2.2', 'evicted'],
  ]);
  assert.notEqual(index.of({ address: '0.0.0.0', clientId: 'd42' }), undefined);
  assert.equal(events.filter(({ name }) => name === 'ceiling.reached').length, 1);
});

test('where no ban ends by itself, another one is refused', () => {
  const { order, detect, names } = setUp({ entriesMax: 2 });
  order('192.0.2.1');
  order('192.0.2.2');
  assert.equal(detect('192.0.2.3').kind, 'refused');
  assert.equal(order('192.0.2.2', MINUTE).kind, 'replaced', 'there is room for what is there already');
  assert.deepEqual(names(), ['ban.added', 'ban.added', 'ban.refused', 'ban.added']);
});

test("setting the machine's clock neither ends a ban nor prolongs it, and moves what is stored", () => {
  const { book, clock, detect, index, lifted, shifts } = setUp();
  const startMs = clock.epochMs();
  detect('192.0.2.7');
  const ban = index.ofAddress('192.0.2.7')!;
  clock.setEpoch(startMs + 365 * 1440 * MINUTE);
  clock.advance(MINUTE);
  assert.deepEqual(lifted, []);
  assert.equal(shifts.length, 1);
  assert.equal(book.expiresAtMs(ban), clock.epochMs() + 9 * MINUTE);
  clock.setEpoch(0);
  clock.advance(9 * MINUTE - 1);
  assert.equal(lifted.length, 0);
  clock.advance(1);
  assert.equal(lifted.length, 1);
  assert.ok(shifts[1]! < 0);
});

test('what another run has left is in force again, but for what has ended and what is allowed now', () => {
  const { book, clock, index, detect, names } = setUp({ allow: ['10.0.0.0/8'] });
  const ban = (value: string, untilMs: number): Ban => ({
    subject: { kind: 'address', value },
    reason: 'r',
    author: 'detector:x',
    sinceMs: -MINUTE,
    untilMs,
    offence: 2,
  });
  book.restore(
    [ban('192.0.2.1', MINUTE), ban('192.0.2.2', -1), ban('10.0.0.1', MINUTE)],
    [
      [
        { kind: 'address', value: '192.0.2.1' },
        { count: 2, lastMs: MINUTE },
      ],
    ],
  );
  assert.equal(book.size, 1);
  clock.advance(MINUTE);
  assert.equal(book.size, 0);
  detect('192.0.2.1');
  assert.equal(lengthOf(index.ofAddress('192.0.2.1')), 160, 'the third time');
  assert.deepEqual(names(), ['ban.removed', 'ban.expired', 'ban.added']);
});

test('many ends at once are worked through without a long pause', () => {
  const { book, clock, detect, lifted } = setUp({ entriesMax: 10_000 });
  for (let i = 0; i < 2500; i++) detect(`10.${i >> 8}.${i & 255}.1`);
  clock.advance(10 * MINUTE - 1);
  assert.equal(lifted.length, 0);
  clock.advance(1);
  assert.equal(lifted.length, 2500);
  assert.equal(book.size, 0);
  assert.equal(clock.pendingCount, 1);
  book.close();
  assert.equal(clock.pendingCount, 0);
});

test('bans that are replaced over and over leave nothing behind', () => {
  const { book, order, clock, lifted } = setUp();
  for (let i = 0; i < 20_000; i++) order('192.0.2.1', 1000 + i);
  assert.equal(book.size, 1);
  clock.advance(30_000);
  assert.equal(lifted.length, 1);
});
