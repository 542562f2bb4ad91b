/** `sallyport audit watch`: audits again on change and on schedule, and tells what is new, mended and regressed, a line of JSON each. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { dataDirectoryOf } from '../../app/config/load.ts';
import { OperatorError } from '../../app/config/problem.ts';
import { askGateway } from '../../app/control/client.ts';
import { CONTROL_SOCKET } from '../../app/control/control-socket.ts';
import { DirectorySystem } from '../../assurance/audit/system/directory-system.ts';
import { type History, historyFrom, historySchema } from '../../assurance/audit/watch/finding-history.ts';
import { auditMetrics } from '../../assurance/audit/watch/metrics.ts';
import { type Audited, AuditWatch } from '../../assurance/audit/watch/watch.ts';
import type { FindingChange, WatchEvent } from '../../assurance/audit/watch/watch-event.ts';
import { systemClock } from '../../base/clock.ts';
import { type CommandOption, type Invocation, textOption, UsageError } from '../command.ts';
import { placeOf } from '../place.ts';
import { stayAwake } from '../stay-awake.ts';
import { printError } from '../terminal.ts';
import { auditReport, jobsOf, withContext } from './audit-run.ts';
import { AuditExit, severityOption } from './options.ts';
import { loadReport, writeReport } from './report-files.ts';

export const WATCH_OPTIONS = {
  every: {
    type: 'string',
    goesWith: ['watch'],
    value: 'SECONDS',
    says: 'audit at least so often (default: 3600)',
  },
  'unused-after': {
    type: 'string',
    goesWith: ['watch'],
    value: 'SECONDS',
    says: 'tell of a listener that nobody has used for so long (default: 604800, a week)',
  },
  runs: {
    type: 'string',
    goesWith: ['watch'],
    value: 'COUNT',
    says: 'end after so many audits (default: never)',
  },
  state: {
    type: 'string',
    goesWith: ['watch'],
    value: 'FILE',
    says: 'keep there what is open and what was mended, over restarts (default: nowhere)',
  },
  metrics: {
    type: 'string',
    goesWith: ['watch'],
    value: 'FILE',
    says: "watch: write metrics there, for node_exporter's textfile collector",
  },
  config: {
    type: 'string',
    goesWith: ['watch'],
    value: 'FILE',
    says: 'the configuration of the gateway that is told, too',
  },
} as const satisfies Record<string, CommandOption>;

const LOOK_EVERY_MS = 2000;
const SECONDS_MAX = 31 * 86_400;
const RUNS_MAX = 1_000_000;

export async function watchAudit(invocation: Invocation): Promise<number> {
  const everyMs = 1000 * wholeOption(invocation, 'every', 3600, SECONDS_MAX);
  const unusedAfterMs = 1000 * wholeOption(invocation, 'unused-after', 7 * 86_400, SECONDS_MAX);
  const runsMax =
    textOption(invocation, 'runs') === undefined
      ? Number.POSITIVE_INFINITY
      : wholeOption(invocation, 'runs', 1, RUNS_MAX);
  const severity = severityOption(invocation, 'severity') ?? 'low';
  const [stateFile, metricsFile] = [textOption(invocation, 'state'), textOption(invocation, 'metrics')];
  const history = await historyOf(stateFile, textOption(invocation, 'baseline'));
  const gateway = await gatewayOf(invocation);
  const changes: Record<FindingChange, number> = { new: 0, mended: 0, regressed: 0 };

  const ending = new AbortController();
  const onSignal = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  const sleep = stayAwake();
  let system: DirectorySystem | undefined;
  try {
    await new AuditWatch({
      clock: systemClock,
      audit: () =>
        withContext(invocation, async (context): Promise<Audited> => {
          if (!(context.system instanceof DirectorySystem)) throw new TypeError('only what is a folder can be watched');
          system = context.system;
          const report = await auditReport(invocation, context, await jobsOf(context));
          return { report, paths: [...context.system.askedFor, ...ownFiles(invocation)] };
        }),
      freshSystem: () => system!.fresh(),
      history,
      onHistory: async (next) => {
        if (stateFile !== undefined) await writeReport(stateFile, `${JSON.stringify(next)}\n`);
      },
      onEvent: (event) => {
        const change = /^finding\.(new|mended|regressed)$/.exec(event.event)?.[1] as FindingChange | undefined;
        if (change !== undefined) changes[change]++;
        process.stdout.write(`${JSON.stringify({ time: new Date(systemClock.epochMs()).toISOString(), ...event })}\n`);
        gateway.tell(event);
      },
      onReport: async (report) => {
        if (metricsFile !== undefined) await writeReport(metricsFile, auditMetrics(report, changes), 0o644);
      },
      severity,
      everyMs,
      lookEveryMs: LOOK_EVERY_MS,
      unusedAfterMs,
      runsMax,
      signal: ending.signal,
    }).run();
  } finally {
    await gateway.settled();
    sleep();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
  return AuditExit.Clean;
}

/** What is read of this machine, and not of the audited system. */
function ownFiles(invocation: Invocation): string[] {
  const file = textOption(invocation, 'file');
  return file === undefined || textOption(invocation, 'root') !== undefined ? [] : [resolve(file)];
}

function wholeOption(invocation: Invocation, name: keyof typeof WATCH_OPTIONS, otherwise: number, max: number): number {
  const text = textOption(invocation, name);
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new UsageError(`--${name} takes a whole number from 1 to ${max}, not "${text}".`);
  return value;
}

async function historyOf(stateFile: string | undefined, baseline: string | undefined): Promise<History | undefined> {
  if (stateFile !== undefined) {
    let text: string | undefined;
    try {
      text = await readFile(stateFile, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new OperatorError(`The state ${stateFile} cannot be read: ${(error as Error).message}.`);
    }
    if (text !== undefined) return parseHistory(stateFile, text);
  }
  return baseline === undefined ? undefined : historyFrom(await loadReport(baseline));
}

function parseHistory(file: string, text: string): History {
  try {
    return historySchema.parse(JSON.parse(text));
  } catch {
    throw new OperatorError(`${file} is no state of \`sallyport audit watch\`: move it away, and it is made anew.`);
  }
}

interface ToldGateway {
  tell(event: WatchEvent): void;
  settled(): Promise<void>;
}

const NO_GATEWAY: ToldGateway = { tell: () => undefined, settled: async () => undefined };
/** A gateway that does not answer must not have us keep more and more for it. */
const WAITING_MAX = 1000;

/** Where a gateway of this configuration runs, its log, journal and collectors get what is printed; where none runs, nothing is missing. */
async function gatewayOf(invocation: Invocation): Promise<ToldGateway> {
  let directory: string;
  try {
    directory = await dataDirectoryOf(placeOf(invocation).configFile);
  } catch (error) {
    if (textOption(invocation, 'config') !== undefined) throw error;
    return NO_GATEWAY;
  }
  const socket = join(directory, CONTROL_SOCKET);
  let [last, waiting, isSaid] = [Promise.resolve(), 0, false];
  const lose = (says: string): void => {
    if (!isSaid) printError(`The gateway is not told: ${says}.`);
    isSaid = true;
  };
  return {
    tell(event) {
      if (event.event === 'watch.narrowed') return;
      if (waiting >= WAITING_MAX) return lose('it does not keep up');
      waiting++;
      // One after another, so that they arrive in their order.
      last = last.then(async () => {
        const told = await askGateway(socket, { method: 'POST', path: '/v1/audit/notes', body: event }, systemClock);
        waiting--;
        if (told.kind === 'refused' || told.kind === 'failed') lose(told.says);
        else isSaid = false;
      });
    },
    settled: () => last,
  };
}
