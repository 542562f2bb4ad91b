/** `npm run bench`: starts the gateway and its peers, puts the same load on each, round by round, and prints what that gave. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { handshakes, idleMemory, storm } from './measures/connections.ts';
import { bulk, costPerMessage, ruleCount } from './measures/cost.ts';
import { countCheck } from './measures/count-check.ts';
import { latency } from './measures/latency.ts';
import type { Measure, Scale } from './measures/measure.ts';
import { closedLoop, throughput } from './measures/throughput.ts';
import { pathOf } from './peers/program.ts';
import { loadAverage } from './processes.ts';
import { judge, verdictsText } from './report/figures.ts';
import { emptyResult, type MeasureResult, type Results } from './report/results.ts';
import { chart } from './report/svg.ts';
import { measureText } from './report/table.ts';
import { isOurs, type PeerName, Stage } from './stage.ts';

const MEASURES: Readonly<Record<string, (scale: Scale) => Measure>> = {
  throughput,
  'closed-loop': closedLoop,
  cost: costPerMessage,
  bulk,
  latency,
  handshakes,
  memory: idleMemory,
  storm,
  acl: ruleCount,
  count: countCheck,
};

const FULL: Scale = {
  warmUpMs: 700,
  durationMs: 1500,
  connections: [1, 100, 1000],
  idleConnections: 5000,
  firstConnections: 1000,
  firstMs: 9000,
  settleMs: 3000,
  payloadBytes: [64, 1024, 65_536],
  qos: [0, 1, 2],
  rates: [1000, 5000],
  latencyMs: 8_000,
  countedMessages: 50_000,
};
const QUICK: Scale = { ...FULL, warmUpMs: 500, durationMs: 1000, payloadBytes: [64], latencyMs: 3000 };
const SMOKE: Scale = {
  warmUpMs: 100,
  durationMs: 150,
  connections: [10],
  idleConnections: 50,
  firstConnections: 10,
  firstMs: 100,
  settleMs: 100,
  payloadBytes: [64],
  qos: [1],
  rates: [1000],
  latencyMs: 300,
  countedMessages: 2_000,
};
const FULL_ROUNDS = 3;
/** Beside the gateway in its roles. */
const SMOKE_PEERS: readonly PeerName[] = ['mosquitto', 'haproxy', 'haproxy-sink'];

const HELP = `npm run bench -- [options]
  --only NAME[,NAME]   measures: ${Object.keys(MEASURES).join(', ')}
  --peers NAME[,NAME]  only these peers, such as mosquitto,embedded,haproxy,gateway
  --rows TEXT          only rows whose title contains it
  --rounds N           interleaved rounds, of which the median counts (${FULL_ROUNDS})
  --quick              one round, short, 64-byte payloads
  --smoke              everything once and as short as can be: shows that it works, measures nothing
  --json FILE          all samples
  --charts DIR         SVG charts
`;

/** The first line that it prints; that Mosquitto calls its own help a failure does not matter. */
function versionOf(command: string, ...args: string[]): string {
  const path = pathOf(command);
  if (path === undefined) return 'not installed';
  const { stdout, error } = spawnSync(path, args, { encoding: 'utf8' });
  return error?.message ?? stdout.split('\n')[0]!.trim();
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function runMeasure(measure: Measure, rounds: number, stage: Stage): Promise<MeasureResult> {
  const result = emptyResult(measure);
  for (let round = 0; round < rounds; round++) {
    for (const [rowIndex, row] of measure.rows.entries()) {
      for (let turn = 0; turn < measure.peers.length; turn++) {
        // Another peer begins in each round, so that none is always measured first.
        const index = (turn + round) % measure.peers.length;
        const peer = measure.peers[index]!;
        progress(`${measure.name}, round ${round + 1} of ${rounds}: ${row.title}, ${peer}`);
        const sample = await row.run(peer, stage);
        if (sample !== undefined) result.rows[rowIndex]!.cells[index]!.samples.push(sample);
      }
    }
  }
  return result;
}

function narrowed(measure: Measure, isWanted: (peer: PeerName) => boolean, rows: string | undefined): Measure {
  return {
    ...measure,
    peers: measure.peers.filter(isWanted),
    rows: measure.rows.filter((row) => rows === undefined || row.title.includes(rows)),
  };
}

function writeCharts(directory: string, measures: readonly MeasureResult[]): void {
  mkdirSync(directory, { recursive: true });
  for (const measure of measures) {
    for (const metric of measure.metrics) {
      if (metric.isAside !== true) {
        writeFileSync(join(directory, `${measure.name}-${metric.key}.svg`), chart(measure, metric));
      }
    }
  }
}

/** Whether the gateway started wherever the machine has what it stands before, and lost nothing; what others lose is their business. */
function isOursWell(measures: readonly MeasureResult[], stage: Stage): boolean {
  const cells = measures
    .flatMap((measure) => measure.rows.flatMap((row) => row.cells))
    .filter(({ peer }) => isOurs(peer));
  return cells.every(({ peer, samples }) => !stage.broken.has(peer) && samples.every((sample) => sample.isComplete));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      peers: { type: 'string' },
      rows: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      json: { type: 'string' },
      charts: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const scale = values.smoke ? SMOKE : values.quick ? QUICK : FULL;
  const rounds = Number(values.rounds ?? (values.smoke || values.quick ? 1 : FULL_ROUNDS));
  const names = values.only?.split(',') ?? Object.keys(MEASURES);
  const unknown = names.find((name) => !Object.hasOwn(MEASURES, name));
  if (unknown !== undefined || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(unknown === undefined ? '--rounds takes a whole number\n' : `no measure named ${unknown}\n`);
    process.stderr.write(HELP);
    return 2;
  }
  const peers = values.peers?.split(',');
  const isWanted = (peer: PeerName): boolean => {
    if (peers !== undefined) return peers.includes(peer);
    return !values.smoke || isOurs(peer) || SMOKE_PEERS.includes(peer);
  };
  const stage = await Stage.open();
  const stop = (): void => void stage.close().finally(() => process.exit(130));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // Whoever reads only the beginning, as `head` does, must not leave peers behind.
  process.stdout.once('error', stop);
  const loadBefore = loadAverage();
  const measures: MeasureResult[] = [];
  try {
    for (const name of names) {
      const measure = narrowed(MEASURES[name]!(scale), isWanted, values.rows);
      const result = await runMeasure(measure, rounds, stage);
      progress('');
      measures.push(result);
      process.stdout.write(`${measureText(result)}\n`);
    }
  } finally {
    await stage.close();
  }
  const results: Results = {
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model ?? 'unknown',
      memoryGb: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      node: process.versions.node,
      loadAverages: [loadBefore, loadAverage()],
    },
    versions: {
      mosquitto: versionOf('mosquitto', '-h'),
      haproxy: versionOf('haproxy', '-v'),
    },
    rounds,
    missing: Object.fromEntries(stage.missing),
    measures,
    // As short as can be, they would say something about chance.
    figures: values.smoke ? [] : judge(measures),
  };
  process.stdout.write(`${verdictsText(results.figures)}\n`);
  for (const [peer, why] of stage.missing) process.stdout.write(`left out: ${peer}: ${why}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 1)}\n`);
  if (values.charts !== undefined) writeCharts(values.charts, measures);
  return values.smoke && !isOursWell(measures, stage) ? 1 : 0;
}

process.exitCode = await main();
