import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayEvent } from '../../base/events.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { Impact } from '../../pipeline/membership.ts';
import { BanBook } from '../../policy/detection/bans/ban-book.ts';
import { BanIndex } from '../../policy/detection/bans/ban-index.ts';
import type { Detection, Response, Subject } from '../../policy/detection/detection.ts';
import { Quarantine } from '../../policy/detection/quarantine.ts';
import { LimitsInForce } from '../../policy/limits/limits-in-force.ts';
import { limitControl } from '../limit-control.ts';
import { type ResponseOrder, Responses } from './responses.ts';

const NOBODY: Impact = { hit: 0, knownGoodHit: 0, knownGood: 100 };

function setUp() {
  const clock = new ManualClock();
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent) => void events.push(event);
  const index = new BanIndex();
  const book = new BanBook({
    clock,
    chance: { bytes: (length) => Buffer.alloc(length), below: () => 0 },
    emit,
    index,
    rules: {
      allow: ['10.0.0.0/8'],
      durationMs: 600_000,
      factor: 4,
      durationMaxMs: 6_000_000,
      jitterPercent: 0,
      forgetAfterMs: 1e9,
      entriesMax: 100,
    },
  });
  const limits = limitControl(new LimitsInForce({ clock, emit }), clock);
  const quarantine = new Quarantine({ clock, onChange: () => undefined, entriesMax: 2 });
  const orders: ResponseOrder[] = [];
  let impacts: Impact[] = [NOBODY];
  const responses: Responses = new Responses({
    config: {
      quarantine: { role: 'confined', upstream: undefined, durationMs: 60_000 },
      throttle: { messagesPerSecond: 5, durationMs: 60_000 },
      rollback: { sharePercent: 10, clientsMin: 3, windowMs: 300_000 },
    },
    clock,
    emit,
    book,
    limits,
    quarantine,
    enforce: (order) => {
      orders.push(order);
      for (const [process, impact] of impacts.entries()) responses.onImpact(order.id, process, impact);
    },
  });
  const detect = (subject: Subject, ...wanted: Response[]): void =>
    responses.respond({
      detector: 'publishFlood',
      subject,
      score: 2,
      severity: 'high',
      technique: 'T0814',
      says: 'too much',
      evidence: { count: 2, threshold: 1, windowMs: 1000, examples: [] },
      origin: {},
      responses: wanted,
      repetition: 1,
    } satisfies Detection);
  return {
    clock,
    index,
    limits,
    quarantine,
    orders,
    detect,
    hitting: (...each: Impact[]) => {
      impacts = each;
    },
    named: (name: GatewayEvent['name']) => events.filter((event) => event.name === name),
  };
}

const address = (value: string): Subject => ({ kind: 'address', value });

test('what only tells does nothing else, and a listener is never acted on', () => {
  const { detect, orders, index } = setUp();
  detect(address('192.0.2.1'), 'log', 'alert');
  detect({ kind: 'listener', value: 'tcp' }, 'ban', 'disconnect');
  assert.deepEqual([orders.length, index.size], [0, 0]);
});

test('a ban is in force when the call returns', () => {
  const { detect, index, named } = setUp();
  detect(address('192.0.2.1'), 'ban');
  assert.equal(index.ofAddress('192.0.2.1')?.author, 'detector:publishFlood');
  assert.equal(named('response.taken').length, 1);
  detect(address('192.0.2.1'), 'ban');
  assert.equal(named('response.taken').length, 1, 'it was banned already');
  detect(address('10.0.0.1'), 'ban');
  assert.equal(named('ban.refused').length, 1);
});

test('a throttled client has another limit, which expires', () => {
  const { detect, limits, clock } = setUp();
  detect({ kind: 'clientId', value: 'd42' }, 'throttle');
  const [override] = limits.overrides();
  assert.equal(override?.target, 'client:d42');
  clock.advance(60_000);
  assert.equal(limits.overrides().length, 0);
});

test('who is in quarantine stays connected, for so long', () => {
  const { detect, quarantine, orders, clock, named } = setUp();
  detect({ kind: 'clientId', value: 'd42' }, 'quarantine');
  assert.equal(quarantine.holds({ address: '192.0.2.1', clientId: 'd42' }), true);
  assert.deepEqual(
    orders.map(({ kind }) => kind),
    ['measure'],
  );
  assert.equal(named('response.taken').length, 1);
  clock.advance(60_000);
  assert.equal(quarantine.holds({ address: '192.0.2.1', clientId: 'd42' }), false);
});

test('where the quarantine is full, the next one is disconnected instead', () => {
  const { detect, quarantine, orders, named } = setUp();
  for (const value of ['d1', 'd2', 'd3']) detect({ kind: 'clientId', value }, 'quarantine');
  assert.equal(quarantine.holds({ address: '192.0.2.1', clientId: 'd3' }), false);
  assert.deepEqual(
    orders.map(({ kind }) => kind),
    ['measure', 'measure', 'disconnect'],
  );
  assert.equal(named('ceiling.reached').length, 1);
});

test('a quarantine that hits known-good clients is taken back', () => {
  const { detect, hitting, quarantine, clock } = setUp();
  hitting({ hit: 20, knownGoodHit: 20, knownGood: 100 });
  detect({ kind: 'username', value: 'fleet' }, 'quarantine');
  clock.advance(50);
  assert.equal(quarantine.holds({ address: '192.0.2.1', username: 'fleet' }), false);
});

test('connections are ended by order, which names the detector', () => {
  const { detect, orders } = setUp();
  detect({ kind: 'clientId', value: 'd42' }, 'disconnect');
  assert.deepEqual(orders, [
    { kind: 'disconnect', id: 1, subject: { kind: 'clientId', value: 'd42' }, by: 'detector:publishFlood' },
  ]);
});

test('responses that hit more known-good clients than their share are undone, and their detector is only heard for a while', () => {
  const { detect, hitting, index, limits, named, clock } = setUp();
  detect(address('192.0.2.1'), 'ban');
  hitting({ hit: 6, knownGoodHit: 6, knownGood: 100 });
  detect(address('192.0.2.2'), 'ban', 'throttle');
  clock.advance(50);
  assert.equal(named('response.rolled-back').length, 1);
  assert.equal(index.size, 0, 'the ban from before, too');
  assert.equal(limits.overrides().length, 0);
  const [event] = named('response.rolled-back');
  assert.ok(event?.name === 'response.rolled-back');
  assert.deepEqual([event.knownGoodHit, event.knownGood, event.by], [12, 100, 'detector:publishFlood']);
  hitting(NOBODY);
  detect(address('192.0.2.3'), 'ban');
  assert.equal(index.size, 0);
  clock.advance(300_000);
  detect(address('192.0.2.3'), 'ban');
  assert.equal(index.size, 1);
});

test('up to its share, or below the least number, nothing is undone', () => {
  const { detect, hitting, named, index, clock } = setUp();
  hitting({ hit: 10, knownGoodHit: 10, knownGood: 100 });
  detect(address('192.0.2.1'), 'ban');
  clock.advance(50);
  assert.equal(named('response.rolled-back').length, 0);
  const few = setUp();
  few.hitting({ hit: 2, knownGoodHit: 2, knownGood: 2 });
  few.detect(address('192.0.2.1'), 'ban');
  few.clock.advance(50);
  assert.equal(few.named('response.rolled-back').length, 0);
  assert.deepEqual([index.size, few.index.size], [1, 1]);
});

test('what was hit longer ago than the window does not count', () => {
  const { detect, hitting, named, clock } = setUp();
  hitting({ hit: 6, knownGoodHit: 6, knownGood: 100 });
  detect(address('192.0.2.1'), 'ban');
  clock.advance(300_001);
  detect(address('192.0.2.2'), 'ban');
  clock.advance(50);
  assert.equal(named('response.rolled-back').length, 0);
});

test('the clients of all processes count together', () => {
  const { detect, hitting, named, clock } = setUp();
  const each: Impact = { hit: 4, knownGoodHit: 4, knownGood: 30 };
  hitting(each, { ...each, knownGoodHit: 0 }, { ...each, knownGoodHit: 4 });
  detect(address('192.0.2.1'), 'ban');
  clock.advance(50);
  assert.equal(named('response.rolled-back').length, 0, '8 of 90');
  hitting(each, { ...each, knownGoodHit: 0 }, { ...each, knownGoodHit: 0 });
  detect(address('192.0.2.2'), 'ban');
  clock.advance(50);
  assert.equal(named('response.rolled-back').length, 1, '12 of 90');
});
