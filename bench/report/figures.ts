/** The figures that the project wants to hold, and whether a run's results hold them. */
import type { PeerName } from '../stage.ts';
import { cellOf, type MeasureResult, type RowResult, type Verdict, valuesOf } from './results.ts';
import { median, ratio } from './statistics.ts';

type Measures = readonly MeasureResult[];

interface Figure {
  readonly text: string;
  /** Undefined where the run has not measured it. */
  judge(measures: Measures): { found: string; holds: boolean } | undefined;
}

function rowsOf(measures: Measures, name: string, part = ''): readonly RowResult[] {
  const measure = measures.find((one) => one.name === name);
  return measure?.rows.filter((row) => row.title.includes(part)) ?? [];
}

function medianOf(row: RowResult | undefined, peer: PeerName, metric: string): number {
  return row === undefined ? Number.NaN : median(valuesOf(cellOf(row, peer), metric));
}

function ratioOf(row: RowResult | undefined, peer: PeerName, baseline: PeerName, metric: string): number {
  if (row === undefined) return Number.NaN;
  return ratio(valuesOf(cellOf(row, peer), metric), valuesOf(cellOf(row, baseline), metric));
}

const isKnown = (value: number): boolean => Number.isFinite(value);

/** One row's ratio to a peer, at least or at most so much. */
function bound(
  text: string,
  of: { measure: string; row: string; peer: PeerName; baseline: PeerName; metric: string },
  limit: { atLeast: number } | { atMost: number },
): Figure {
  return {
    text,
    judge(measures) {
      const value = ratioOf(rowsOf(measures, of.measure, of.row)[0], of.peer, of.baseline, of.metric);
      if (!isKnown(value)) return undefined;
      const holds = 'atLeast' in limit ? value >= limit.atLeast : value <= limit.atMost;
      return { found: `${value.toFixed(2)} x`, holds };
    },
  };
}

/** The lowest ratio of several rows, and whether all of them lost nothing. */
function everyRow(text: string, part: string, peer: PeerName, atLeast: number, mustBeComplete: boolean): Figure {
  return {
    text,
    judge(measures) {
      const rows = rowsOf(measures, 'throughput', part);
      const ratios = rows
        .map((row) => ({ row, value: ratioOf(row, peer, 'mosquitto', 'rate') }))
        .filter(({ value }) => isKnown(value))
        .sort((a, b) => a.value - b.value);
      const lowest = ratios[0];
      if (lowest === undefined) return undefined;
      const short = ratios.filter(({ value }) => value < atLeast).length;
      const lost = rows.filter((row) => cellOf(row, peer)?.samples.some((sample) => !sample.isComplete)).length;
      const parts = [`${lowest.value.toFixed(2)} x at the lowest (${lowest.row.title})`];
      if (short > 0) parts.push(`${short} of ${ratios.length} rows fall short`);
      if (mustBeComplete) parts.push(lost === 0 ? 'nothing lost' : `messages lost in ${lost} rows`);
      return { found: parts.join('; '), holds: short === 0 && (!mustBeComplete || lost === 0) };
    },
  };
}

function memory(text: string, row: string, atMostKb: number): Figure {
  return {
    text,
    judge(measures) {
      const value = medianOf(rowsOf(measures, 'memory', row)[0], 'gateway', 'memory');
      return isKnown(value) ? { found: `${value.toFixed(1)} KB`, holds: value < atMostKb } : undefined;
    },
  };
}

const cost = { measure: 'cost', peer: 'gateway', baseline: 'haproxy', metric: 'cpu' } as const;
const bulk = { measure: 'bulk', peer: 'gateway-sink', baseline: 'haproxy-sink' } as const;

const FIGURES: readonly Figure[] = [
  bound(
    'processor time of an inspected message, 1000 connections, TCP: at most 1.25 x HAProxy',
    { ...cost, row: 'TCP, 1000 ' },
    { atMost: 1.25 },
  ),
  bound('the same with TLS: at most 1.15 x HAProxy', { ...cost, row: 'TLS, 1000 ' }, { atMost: 1.15 }),
  bound('bulk, 1 KB: at least 0.95 x HAProxy', { ...bulk, row: ', 1 KB', metric: 'rate' }, { atLeast: 0.95 }),
  {
    text: 'bulk, 64 B: over 5 M messages a second a core, or 0.35 x HAProxy',
    judge(measures) {
      const row = rowsOf(measures, 'bulk', ', 64 B')[0];
      const perCore = medianOf(row, bulk.peer, 'perCore');
      const share = ratioOf(row, bulk.peer, bulk.baseline, 'perCore');
      if (!isKnown(perCore)) return undefined;
      const found = `${(perCore / 1e6).toFixed(1)} M, ${share.toFixed(2)} x`;
      return { found, holds: perCore > 5e6 || share >= 0.35 };
    },
  },
  everyRow('before Mosquitto, every pattern: at least 0.97 x direct', '', 'gateway', 0.97, false),
  {
    text: 'before Mosquitto, added p99 at 5000 messages a second: under 0.3 ms',
    judge(measures) {
      const row = rowsOf(measures, 'latency', '5000')[0];
      const addedUs = medianOf(row, 'gateway', 'p99') - medianOf(row, 'mosquitto', 'p99');
      return isKnown(addedUs) ? { found: `${(addedUs / 1000).toFixed(2)} ms`, holds: addedUs < 300 } : undefined;
    },
  },
  bound(
    'before Mosquitto, closed loop, 10 publishers, QoS 1: at least 0.6 x direct',
    { measure: 'closed-loop', row: '', peer: 'gateway', baseline: 'mosquitto', metric: 'rate' },
    { atLeast: 0.6 },
  ),
  everyRow('embedded, every pattern: at least 1.0 x Mosquitto', '', 'embedded', 1, true),
  everyRow('embedded, fan-out: at least 2 x Mosquitto', 'fan-out', 'embedded', 2, true),
  memory('an idle TCP connection, upstream link included: under 12 KB', 'TCP', 12),
  memory('an idle TLS connection, X25519, upstream link included: under 40 KB', 'TLS, X25519', 40),
  memory('the same, X25519MLKEM768: under 40 KB', 'TLS, X25519MLKEM768', 40),
  bound(
    'full TLS handshakes a second of processor time: at least 0.8 x HAProxy',
    { measure: 'handshakes', row: 'full, X25519', peer: 'gateway', baseline: 'haproxy', metric: 'perCore' },
    { atLeast: 0.8 },
  ),
  {
    text: 'a reconnect storm: nobody refused',
    judge(measures) {
      const samples = cellOf(rowsOf(measures, 'storm')[0] ?? { title: '', cells: [] }, 'gateway')?.samples ?? [];
      if (samples.length === 0) return undefined;
      const holds = samples.every((sample) => sample.isComplete);
      return { found: holds ? 'nobody' : 'some were not served', holds };
    },
  },
  bound(
    'an ACL of 100,000 rules: at most 1.2 x one of 10, one topic',
    { measure: 'acl', row: 'one topic', peer: 'many-rules', baseline: 'few-rules', metric: 'cpu' },
    { atMost: 1.2 },
  ),
  bound(
    'the same with ever other topics',
    { measure: 'acl', row: 'in turn', peer: 'many-rules', baseline: 'few-rules', metric: 'cpu' },
    { atMost: 1.2 },
  ),
];

export function judge(measures: Measures): Verdict[] {
  return FIGURES.flatMap(({ text, judge: judgeOne }) => {
    const verdict = judgeOne(measures);
    return verdict === undefined ? [] : [{ figure: text, ...verdict }];
  });
}

export function verdictsText(verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '';
  const lines = verdicts.map(({ figure, found, holds }) => `| ${figure} | ${found} | ${holds ? 'holds' : 'short'} |`);
  return ['## Figures', '', '| figure | found | |', '|-|-|-|', ...lines, ''].join('\n');
}
