import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoursWindow, parseHours } from './hours.ts';

/** Whether the window is open at each of the moments. */
function openAt(text: string, moments: readonly string[]): boolean[] {
  const window = new HoursWindow(parseHours(text)!);
  return moments.map((moment) => window.isOpenAt(Date.parse(moment)));
}

test('a window opens and closes on the minute, on its days', () => {
  // 2026-07-06 is a Monday.
  assert.deepEqual(
    openAt('mon-fri 08:00-18:00 UTC', [
      '2026-07-06T07:59:59Z',
      '2026-07-06T08:00:00Z',
      '2026-07-10T17:59:59Z',
      '2026-07-10T18:00:00Z',
      '2026-07-11T12:00:00Z',
    ]),
    [false, true, true, false, false],
  );
});

test('a window past midnight belongs to the day on which it begins', () => {
  assert.deepEqual(
    openAt('fri 22:00-06:00 UTC', [
      '2026-07-10T05:00:00Z',
      '2026-07-10T22:00:00Z',
      '2026-07-11T05:59:59Z',
      '2026-07-11T06:00:00Z',
      '2026-07-11T23:00:00Z',
    ]),
    [false, true, true, false, false],
  );
});

test('the clocks are those of the time zone, in summer and in winter', () => {
  assert.deepEqual(
    openAt('08:00-09:00 Europe/Berlin', [
      '2026-07-06T06:30:00Z',
      '2026-07-06T07:30:00Z',
      '2026-01-05T06:30:00Z',
      '2026-01-05T07:30:00Z',
    ]),
    [true, false, false, true],
  );
});

test('without days a window is open every day, and 24:00 is its end', () => {
  assert.deepEqual(openAt('00:00-24:00 Asia/Tokyo', ['2026-07-11T15:00:00Z', '2026-07-12T14:59:59Z']), [true, true]);
});

test('days are single, ranges, lists, and go round the end of the week', () => {
  const days = (text: string): number | undefined => parseHours(`${text} 01:00-02:00 UTC`)?.days;
  assert.deepEqual(
    ['mon', 'Tue-Thu', 'sat,sun', 'fri-mon', 'mon-sun'].map(days),
    [0b1, 0b1110, 0b1100000, 0b1110001, 0b1111111],
  );
});

for (const text of [
  '',
  '08:00-18:00',
  'mon 08:00-18:00',
  'mon-fri 8:00-18:00 UTC',
  'mon-fri 08:00 18:00 UTC',
  'mon-fri 08:00-18:60 UTC',
  'mon-fri 08:00-25:00 UTC',
  'mon-fri 24:00-08:00 UTC',
  'mon-fri 08:00-08:00 UTC',
  'mon-fri 08:00-00:00 UTC',
  'mon-fry 08:00-18:00 UTC',
  'mon-tue-wed 08:00-18:00 UTC',
  'mon-fri 08:00-18:00 Europe/Nowhere',
  'mon-fri 08:00-18:00 UTC x',
]) {
  test(`is no window of time: ${JSON.stringify(text)}`, () => {
    assert.equal(parseHours(text), undefined);
  });
}
