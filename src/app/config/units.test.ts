import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDurationMs } from '../../base/duration.ts';
import { parseSizeBytes } from '../../base/size.ts';

describe('a duration', () => {
  it('is a whole number with its unit', () => {
    const cases = { '0s': 0, '200ms': 200, '30s': 30_000, '5 m': 300_000, '12h': 43_200_000, '7d': 604_800_000 };
    for (const [text, valueMs] of Object.entries(cases)) assert.equal(parseDurationMs(text), valueMs, text);
  });

  it('is no longer than a century, so that a date can be made of it', () => {
    assert.equal(parseDurationMs('36525d'), 36_525 * 86_400_000);
    for (const text of ['36526d', '999999999999d', '999999999999h'])
      assert.equal(parseDurationMs(text), undefined, text);
  });

  it('is nothing else', () => {
    for (const text of ['', '30', '-1s', '1.5s', '1e3s', '30S', '1m30s', 's', ' 30s', '30s\n', '9999999999999d']) {
      assert.equal(parseDurationMs(text), undefined, JSON.stringify(text));
    }
  });
});

describe('a size', () => {
  it('is a number of bytes, or a number with its unit', () => {
    const cases: [string | number, number][] = [
      [0, 0],
      [512, 512],
      ['512B', 512],
      ['256KiB', 262_144],
      ['256 KiB', 262_144],
      ['1MB', 1_000_000],
      ['2GiB', 2_147_483_648],
    ];
    for (const [given, bytes] of cases) assert.equal(parseSizeBytes(given), bytes, String(given));
  });

  it('is nothing else', () => {
    for (const given of [
      '',
      '512',
      '1kb',
      '1K',
      '-1B',
      '1.5MiB',
      -1,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 60,
    ]) {
      assert.equal(parseSizeBytes(given), undefined, String(given));
    }
  });
});
