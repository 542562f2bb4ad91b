/** One bar chart as SVG: a group of bars for each row, a bar for each peer, its length relative to the group's baseline. */
import type { Metric } from '../measures/measure.ts';
import { cellOf, type MeasureResult, valuesOf } from './results.ts';
import { median, ratio } from './statistics.ts';

const WIDTH = 900;
const LABEL_WIDTH = 250;
const VALUE_WIDTH = 150;
const BAR_HEIGHT = 14;
const GROUP_GAP = 12;
const TOP = 64;
/** Told apart by brightness too, for those who do not tell colours apart. */
const COLOURS = ['#1b4965', '#d1495b', '#9aa5b1', '#edae49', '#66a182', '#5f5aa2'];

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function figure(value: number, digits: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

interface Bar {
  readonly colour: string;
  readonly value: number;
  readonly ratio: number;
}

function barsOf(measure: MeasureResult, metric: Metric, rowIndex: number): Bar[] {
  const row = measure.rows[rowIndex]!;
  const baseline = valuesOf(cellOf(row, measure.baseline), metric.key);
  return measure.peers.flatMap((peer, index) => {
    const values = valuesOf(cellOf(row, peer.name), metric.key);
    if (values.length === 0) return [];
    const value = median(values);
    const share = peer.name === measure.baseline || baseline.length === 0 ? 1 : ratio(values, baseline);
    return [{ colour: COLOURS[index % COLOURS.length]!, value, ratio: share }];
  });
}

export function chart(measure: MeasureResult, metric: Metric): string {
  const groups = measure.rows.map((row, index) => ({ title: row.title, bars: barsOf(measure, metric, index) }));
  const longest = Math.max(1, ...groups.flatMap((group) => group.bars.map((bar) => bar.ratio)));
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const parts: string[] = [];
  let y = TOP;
  for (const { title, bars } of groups) {
    const middle = y + (bars.length * BAR_HEIGHT) / 2 + 4;
    parts.push(`<text x="${LABEL_WIDTH - 10}" y="${middle}" text-anchor="end">${escaped(title)}</text>`);
    for (const bar of bars) {
      const width = Math.max(1, (bar.ratio / longest) * room);
      const label = `${figure(bar.value, metric.digits)}  ${figure(bar.ratio, 2)}x`;
      parts.push(
        `<rect x="${LABEL_WIDTH}" y="${y + 1}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 2}" fill="${bar.colour}"/>`,
        `<text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 11}" class="value">${label}</text>`,
      );
      y += BAR_HEIGHT;
    }
    y += GROUP_GAP;
  }
  const legend = measure.peers.map(
    (peer, index) =>
      `<rect x="${20 + index * 146}" y="36" width="10" height="10" fill="${COLOURS[index % COLOURS.length]}"/>` +
      `<text x="${34 + index * 146}" y="45" class="value">${escaped(peer.title)}</text>`,
  );
  const unit = metric.unit === '' ? '' : ` (${metric.unit})`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12">`,
    '<style>text{fill:#222}.value{font-size:10.5px}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>',
    `<text x="20" y="22" font-size="15">${escaped(`${measure.title}: ${metric.title}${unit}, ${metric.better} is better`)}</text>`,
    ...legend,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
