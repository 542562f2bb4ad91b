import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Metric } from '../measures/measure.ts';
import type { MeasureResult } from './results.ts';
import { median, ratio, spread } from './statistics.ts';
import { chart } from './svg.ts';
import { metricTable } from './table.ts';

const RATE: Metric = { key: 'rate', title: 'deliveries', unit: '/s', better: 'more', digits: 0 };

function result(rounds: { baseline: number[]; other: number[]; lost?: boolean }): MeasureResult {
  const samples = (values: number[], isComplete: boolean) => values.map((rate) => ({ values: { rate }, isComplete }));
  return {
    name: 'throughput',
    title: 'Throughput',
    method: 'As fast as can be.',
    baseline: 'mosquitto',
    metrics: [RATE],
    peers: [
      { name: 'mosquitto', title: 'Mosquitto' },
      { name: 'embedded', title: 'Sallyport < all' },
      { name: 'aedes', title: 'Aedes' },
    ],
    rows: [
      {
        title: 'fan-in',
        cells: [
          { peer: 'mosquitto', samples: samples(rounds.baseline, true) },
          { peer: 'embedded', samples: samples(rounds.other, rounds.lost !== true) },
          { peer: 'aedes', samples: [] },
        ],
      },
    ],
  };
}

test('the median is the middle of an odd number of rounds, and between the two middles of an even one', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('the spread is from the lowest to the highest round, as a share of the median', () => {
  assert.equal(spread([90, 100, 120]), 0.3);
  assert.equal(spread([100]), 0);
});

test('a ratio is the median of the ratios of each round, so that a slow round is slow for both', () => {
  assert.equal(ratio([200, 20, 210], [100, 10, 100]), 2);
});

test('a table has median, spread and ratio, and leaves out peers that were not there', () => {
  const table = metricTable(result({ baseline: [100, 110, 90], other: [200, 220, 180] }), RATE);
  assert.match(table, /\| +\| Mosquitto/);
  assert.match(table, /\| fan-in \| 100 ±10% +\| 200 ±10% \(2\.00x\) \|/);
  assert.doesNotMatch(table, /Aedes/);
});

test('one round that lost a message marks its cell', () => {
  assert.match(metricTable(result({ baseline: [1], other: [1], lost: true }), RATE), /LOST/);
});

test('a chart has a bar for each peer that was there, as long as its ratio, and no text that breaks it', () => {
  const svg = chart(result({ baseline: [100], other: [200] }), RATE);
  const widths = [...svg.matchAll(/<rect x="250" y="\d+" width="([\d.]+)"/g)].map((match) => Number(match[1]));
  assert.deepEqual(widths, [250, 500]);
  assert.match(svg, /Sallyport &lt; all/);
});
