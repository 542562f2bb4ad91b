/**
 * The environment that EMQX starts with: of the running process where it can be read, else of its systemd unit; on top of it emqx.env, which
 * EMQX 6.3 and later read themselves.
 */
import { posix } from 'node:path';
import { collectBrokerProcesses } from '../../host/broker-processes.ts';
import { collectBrokerUnits, type UnitEnvironment } from '../../host/units.ts';
import { type Fact, known, unknown } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';

export interface Variable {
  readonly value: string;
  /** The file that sets it. */
  readonly from: string;
}

export type Environment = ReadonlyMap<string, Variable>;

/** For an EMQX whose emqx.conf is `configFile`. Without a process and a unit it is what emqx.env says. */
export async function collectEmqxEnvironment(system: AuditedSystem, configFile: string): Promise<Fact<Environment>> {
  const variables = new Map<string, Variable>();
  const started = await startEnvironment(system, configFile);
  if (started.state === 'unknown') return started;
  if (started.state === 'known') for (const [name, variable] of started.value) variables.set(name, variable);
  const own = posix.join(posix.dirname(configFile), 'emqx.env');
  const text = await system.readText(own);
  if (text.state === 'unknown') return text;
  if (text.state === 'known') for (const [name, variable] of linesOf(text.value, own)) variables.set(name, variable);
  return known(variables, own);
}

/** Where the packages of EMQX put emqx.conf: only of these does the machine's process or unit tell. */
const INSTALLED = /^\/(?:etc\/emqx|opt\/emqx\/etc)\/emqx\.conf$/;

async function startEnvironment(system: AuditedSystem, configFile: string): Promise<Fact<Environment>> {
  if (!INSTALLED.test(configFile)) return { state: 'absent', source: { from: configFile } };
  const processes = await collectBrokerProcesses(system);
  const running = processes.state === 'known' ? processes.value.filter(({ broker }) => broker === 'emqx') : [];
  const [process] = running;
  if (process !== undefined) {
    const file = `/proc/${process.pid}/environ`;
    const text = await system.readText(file);
    if (text.state === 'known') return known(new Map(assignmentsIn(text.value.split('\0'), file)), file);
    const unit = await unitEnvironment(system);
    if (unit.state === 'known') return unit;
    return unknown(
      'permission-denied',
      `This user may not read the environment of the running EMQX (process ${process.pid}), and what stands there beats its files.`,
    );
  }
  return unitEnvironment(system);
}

async function unitEnvironment(system: AuditedSystem): Promise<Fact<Environment>> {
  const units = await collectBrokerUnits(system);
  if (units.state !== 'known') return units;
  const unit = units.value.find(({ broker }) => broker === 'emqx');
  if (unit === undefined) return { state: 'absent', source: units.source };
  const variables = new Map<string, Variable>();
  const [direct, files] = [
    unit.environment.filter(isOf('Environment')),
    unit.environment.filter(isOf('EnvironmentFile')),
  ];
  for (const { value, file } of direct) {
    // An empty one takes back those above.
    if (value === '') variables.clear();
    for (const [name, variable] of assignmentsIn(wordsIn(value), file)) variables.set(name, variable);
  }
  // What files say beats the rest, wherever it stands (systemd.exec(5)).
  for (const { value } of files) {
    const path = value.replace(/^-/, '');
    if (!posix.isAbsolute(path)) continue;
    const text = await system.readText(path);
    if (text.state === 'unknown') return text;
    if (text.state === 'known') for (const [name, variable] of linesOf(text.value, path)) variables.set(name, variable);
  }
  return known(variables, unit.file);
}

function isOf(wanted: UnitEnvironment['key']): (one: UnitEnvironment) => boolean {
  return ({ key }) => key === wanted;
}

function assignmentsIn(words: readonly string[], from: string): [string, Variable][] {
  return words.flatMap((word): [string, Variable][] => {
    const at = word.indexOf('=');
    return at > 0 ? [[word.slice(0, at), { value: word.slice(at + 1), from }]] : [];
  });
}

/** As systemd and a shell read plain assignments: one a line, quotes around the value go. */
function linesOf(text: string, from: string): [string, Variable][] {
  return text.split('\n').flatMap((line): [string, Variable][] => {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*?)\s*$/.exec(line);
    if (match === null) return [];
    const value = match[2]!.replace(/^(["'])(.*)\1$/, '$2');
    return [[match[1]!, { value, from }]];
  });
}

/** The words of an Environment= line: apart by blanks, and quotes hold them together. */
function wordsIn(value: string): string[] {
  return [...value.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double?.replace(/\\(.)/g, '$1') ?? single ?? plain ?? '',
  );
}
