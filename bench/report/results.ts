/** What a run has found, as it goes into the JSON file. */
import type { Measure, Metric, Sample } from '../measures/measure.ts';
import { type PeerName, titleOf } from '../stage.ts';

export interface Cell {
  readonly peer: PeerName;
  /** One a round. */
  readonly samples: Sample[];
}

export interface RowResult {
  readonly title: string;
  readonly cells: Cell[];
}

export interface MeasureResult {
  readonly name: string;
  readonly title: string;
  readonly method: string;
  readonly baseline: PeerName;
  readonly metrics: readonly Metric[];
  readonly peers: readonly { readonly name: PeerName; readonly title: string }[];
  readonly rows: RowResult[];
}

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** At the start and at the end of the run. */
  readonly loadAverages: readonly number[];
}

/** Whether a figure that the project wants to hold was held. */
export interface Verdict {
  readonly figure: string;
  readonly found: string;
  readonly holds: boolean;
}

export interface Results {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly missing: Readonly<Record<string, string>>;
  readonly measures: readonly MeasureResult[];
  readonly figures: readonly Verdict[];
}

export function emptyResult(measure: Measure): MeasureResult {
  const { name, title, method, baseline, metrics, peers, rows } = measure;
  return {
    name,
    title,
    method,
    baseline,
    metrics,
    peers: peers.map((peer) => ({ name: peer, title: titleOf(peer) })),
    rows: rows.map((row) => ({ title: row.title, cells: peers.map((peer) => ({ peer, samples: [] })) })),
  };
}

export function valuesOf(cell: Cell | undefined, metric: string): number[] {
  return (cell?.samples ?? []).map((sample) => sample.values[metric] ?? Number.NaN);
}

export function cellOf(row: RowResult, peer: PeerName): Cell | undefined {
  return row.cells.find((cell) => cell.peer === peer);
}
