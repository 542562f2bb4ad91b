import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LimitName } from './limit-name.ts';
import { parseLimitValue, readLimit } from './limit-value.ts';

describe('a rate', () => {
  it('is an amount and its time, with a burst of as much, or of what stands behind it', () => {
    const cases: [name: LimitName, given: unknown, windows: [amount: number, windowMs: number, burst: number][]][] = [
      ['publish.messagesPerSecond', 100, [[100, 1000, 100]]],
      ['publish.messagesPerSecond', '100', [[100, 1000, 100]]],
      ['publish.messagesPerSecond', '100 burst 500', [[100, 1000, 500]]],
      ['publish.messagesPerSecond', '600/1m', [[600, 60_000, 600]]],
      ['publish.bytesPerSecond', '2KB', [[2000, 1000, 2000]]],
      ['publish.bytesPerSecond', '1MiB / 10s burst 64KiB', [[1_048_576, 10_000, 65_536]]],
      ['publish.bytesPerSecond', 4096, [[4096, 1000, 4096]]],
      ['connects', '10/m', [[10, 60_000, 10]]],
      [
        'authentications',
        '10/1m, 100/1h',
        [
          [10, 60_000, 10],
          [100, 3_600_000, 100],
        ],
      ],
      [
        'authentications',
        ['10/1m burst 3', '100/1h'],
        [
          [10, 60_000, 3],
          [100, 3_600_000, 100],
        ],
      ],
    ];
    for (const [name, given, windows] of cases) {
      assert.deepEqual(
        parseLimitValue(name, given),
        { form: 'rate', windows: windows.map(([amount, windowMs, burst]) => ({ amount, windowMs, burst })) },
        `${name} ${given}`,
      );
    }
  });

  it('that cannot be is refused with what is wrong', () => {
    const cases: [name: LimitName, given: unknown, says: RegExp][] = [
      ['connects', 10, /lacks its time: write 10\/1m/],
      ['connects', '10', /lacks its time/],
      ['connects', '-10/1m', /negative/],
      ['publish.messagesPerSecond', -5, /negative/],
      ['publish.messagesPerSecond', 0, /lets nothing through/],
      ['publish.bytesPerSecond', '0KB', /lets nothing through/],
      ['publish.messagesPerSecond', '10 burst 0', /burst of 0, into which no packet fits: give at least 1/],
      ['publish.bytesPerSecond', '2KB burst 10B', /burst of 10 bytes, into which no packet fits: give at least 64B/],
      ['publish.bytesPerSecond', '10B', /burst of 10 bytes/],
      ['publish.messagesPerSecond', '1/3d', /more than a day to allow one packet/],
      ['publish.bytesPerSecond', '1B/1h burst 1KB', /more than a day/],
      ['connects', '10/60', /no time that is one/],
      ['connects', '10/1w', /no time that is one/],
      ['connects', '10/0s', /no time that is one/],
      ['connects', '10/90d', /no time that is one/],
      ['publish.messagesPerSecond', '2KB', /not allowed/],
      ['publish.messagesPerSecond', 1.5, /not allowed/],
      ['publish.messagesPerSecond', '1e3', /not allowed/],
      ['publish.messagesPerSecond', 'NaN', /not allowed/],
      ['publish.messagesPerSecond', '', /not allowed/],
      ['publish.messagesPerSecond', ' ', /not allowed/],
      ['publish.messagesPerSecond', true, /not allowed/],
      ['publish.messagesPerSecond', null, /not allowed/],
      ['publish.messagesPerSecond', {}, /not allowed/],
      ['publish.messagesPerSecond', [], /has 0 rates/],
      ['publish.messagesPerSecond', [[1]], /not allowed/],
      ['publish.messagesPerSecond', '1,2,3,4,5', /has 5 rates/],
      ['publish.messagesPerSecond', '10,', /not allowed/],
      ['publish.messagesPerSecond', '10 burst', /not allowed/],
      ['publish.messagesPerSecond', '10 burst x', /burst that is no amount/],
      ['publish.messagesPerSecond', 'x'.repeat(300), /too long/],
      ['publish.messagesPerSecond', '10\u0000/1s', /not allowed/],
    ];
    for (const [name, given, says] of cases) {
      const value = parseLimitValue(name, given);
      assert.equal(typeof value, 'string', `${name} ${JSON.stringify(given)}`);
      assert.match(value as string, says, JSON.stringify(given));
    }
  });
});

describe('a ceiling or an action', () => {
  it('is read from YAML and from a command line alike', () => {
    assert.deepEqual(parseLimitValue('inflightMax', 20), { form: 'ceiling', max: 20 });
    assert.deepEqual(parseLimitValue('inflightMax', '20'), { form: 'ceiling', max: 20 });
    assert.deepEqual(parseLimitValue('packetSizeMax', '4KiB'), { form: 'ceiling', max: 4096 });
    assert.deepEqual(parseLimitValue('packetSizeMax', '4096'), { form: 'ceiling', max: 4096 });
    assert.deepEqual(parseLimitValue('publish.onExcess', 'drop'), { form: 'action', action: 'drop' });
  });

  it('beyond its range is refused with the range', () => {
    for (const [name, given] of [
      ['inflightMax', 0],
      ['inflightMax', 70_000],
      ['inflightMax', '1.5'],
      ['packetSizeMax', '1B'],
      ['packetSizeMax', '1GiB'],
      ['deliver.onExcess', 'disconnect'],
      ['publish.onExcess', 'ban'],
    ] as const) {
      assert.match(String(readLimit(name, given, 'test')), new RegExp(`^${name} .* is not allowed: give `));
    }
  });
});
