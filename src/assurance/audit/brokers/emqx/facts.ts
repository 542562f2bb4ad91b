/** What is collected of one EMQX: its configuration in layers, the rules of its acl.conf, and which version's defaults hold. */
import { posix } from 'node:path';
import { type LastRule, lastRuleOf } from '../../../../policy/authorization/import/emqx-acl.ts';
import type { Profile } from '../../audit-file/schema.ts';
import { collectBrokerPrograms } from '../../host/broker-programs.ts';
import { type Fact, known, type Unknown, unknown } from '../../model/fact.ts';
import type { AuditContext } from '../../model/subject.ts';
import type { Target } from '../../model/target.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { EmqxConfig, itemsOf, settingIn } from './config.ts';
import { collectEmqxEnvironment, type Environment } from './environment.ts';
import { type HoconFile, loadHocon, unknownOf } from './hocon/load.ts';
import { parseHoconValue } from './hocon/parse.ts';
import { resolveHocon } from './hocon/resolve.ts';
import type { Assignment, Inclusion, Statement, WrittenValue } from './hocon/tree.ts';

/** The rules of one source of authorization of type `file`. */
export interface AclSource {
  /** The file, or the configuration that holds the rules. */
  readonly file: string;
  readonly last: Fact<LastRule>;
}

export interface EmqxFacts {
  readonly config: Fact<EmqxConfig>;
  readonly aclSources: readonly AclSource[];
  readonly profile: Profile;
}

export async function collectEmqx({ place, options }: Target, { system, declared }: AuditContext): Promise<EmqxFacts> {
  const stated = options?.['version'];
  const version = typeof stated === 'string' ? stated : await installedVersion(system, place);
  const config = await readEmqxConfig(system, place, version);
  return {
    config,
    aclSources: config.state === 'known' ? await collectAclSources(system, config.value) : [],
    profile: declared.profile,
  };
}

/** base.hocon < cluster.hocon < emqx.conf < the environment, as EMQX 5.1 and later layer them. */
export async function readEmqxConfig(
  system: AuditedSystem,
  place: string,
  version: string | undefined,
): Promise<Fact<EmqxConfig>> {
  const main = await loadHocon(system, place);
  if (main.state !== 'known') return main;
  const environment = await collectEmqxEnvironment(system, place);
  if (environment.state !== 'known')
    return environment.state === 'unknown' ? environment : unknown('file-missing', 'There is no environment.');
  const base = await loadHocon(system, posix.join(posix.dirname(place), 'base.hocon'));
  if (base.state === 'unknown') return base;
  try {
    const overrides = overridesIn(environment.value);
    const layersWithout = [base, main].flatMap((layer) => (layer.state === 'known' ? [layer.value] : []));
    const dataFolder = settingIn(
      resolved(place, layersWithout, overrides, environment.value),
      'node.data_dir',
      'data',
    ).text;
    const cluster = await loadHocon(system, posix.join(resolvedFolder(place, dataFolder), 'configs/cluster.hocon'));
    if (cluster.state === 'unknown') return cluster;
    const layers = [base, cluster, main].flatMap((layer) => (layer.state === 'known' ? [layer.value] : []));
    const isHardened = environment.value.get('EMQX_SECURITY_PROFILE')?.value === 'hardened';
    const root = resolved(place, layers, overrides, environment.value);
    const files = [base, cluster, main].flatMap((layer) => (layer.state === 'known' ? [layer.source.from] : []));
    return known(new EmqxConfig(place, { stated: version, isHardened }, root, files), place);
  } catch (error) {
    return unknownOf(error);
  }
}

function resolved(
  place: string,
  layers: readonly HoconFile[],
  overrides: readonly Statement[],
  environment: Environment,
) {
  const included = new Map<Inclusion, readonly Statement[]>(layers.flatMap((layer) => [...layer.included]));
  const statements = [...layers.flatMap((layer) => layer.statements), ...overrides];
  const variables = new Map([...environment].map(([name, { value }]) => [name, value]));
  return resolveHocon(
    statements,
    { file: place, line: 1 },
    (statement) => (statement.kind === 'inclusion' ? (included.get(statement) ?? []) : [statement]),
    variables,
  );
}

/** Names that are no settings though they begin like them. */
const NO_SETTINGS = /^EMQX_(?:SECURITY_PROFILE|FEATURES|ETC_DIR|LOG_DIR|DATA_DIR|LIB_DIR|HOME)$/;
/** Names from before 5.0 that the start script still takes. */
const OLD_NAMES: Readonly<Record<string, string>> = {
  EMQX_NODE_NAME: 'EMQX_NODE__NAME',
  EMQX_NODE_COOKIE: 'EMQX_NODE__COOKIE',
  EMQX_HOST: '',
  EMQX_NAME: '',
};

/** `EMQX_A__B_C=x` sets a.b_c. */
function overridesIn(environment: Environment): Statement[] {
  return [...environment].flatMap(([name, { value, from }]): Assignment[] => {
    const whole = Object.hasOwn(OLD_NAMES, name) ? OLD_NAMES[name]! : name;
    if (!whole.startsWith('EMQX_') || NO_SETTINGS.test(whole)) return [];
    const path = whole.slice('EMQX_'.length).toLowerCase().split('__');
    if (path.some((part) => part === '') || path.length > 32) return [];
    return [{ kind: 'assignment', path, isAppended: false, value: variableValue(value, from) }];
  });
}

/** Read as HOCON, and what is none as a text: so does EMQX. */
function variableValue(value: string, from: string): WrittenValue {
  try {
    if (value.trim() !== '') return parseHoconValue(from, value);
  } catch {
    // It is a plain text then.
  }
  return { pieces: [{ kind: 'text', text: value, isQuoted: true }], place: { file: from, line: 1 } };
}

/** `data` and `etc` are beside each other, but where a package of Linux puts them; an absolute path is itself. */
function resolvedFolder(configFile: string, folder: string): string {
  if (posix.dirname(configFile) === '/etc/emqx')
    return posix.resolve('/var/lib/emqx', folder.replace(/^data\/?/, './'));
  return posix.resolve(posix.dirname(posix.dirname(configFile)), folder);
}

const RELEASE_FILES = ['/usr/lib/emqx/releases/emqx_vars', '/opt/emqx/releases/emqx_vars'];

async function installedVersion(system: AuditedSystem, place: string): Promise<string | undefined> {
  const programs = await collectBrokerPrograms(system);
  const packaged =
    programs.state === 'known' ? programs.value.find(({ broker }) => broker === 'emqx')?.packaged : undefined;
  if (packaged !== undefined) return packaged.version;
  const beside = posix.join(posix.dirname(posix.dirname(place)), 'releases/emqx_vars');
  for (const file of new Set([beside, ...RELEASE_FILES])) {
    const text = await system.readText(file);
    const version = text.state === 'known' ? /^REL_VSN="?([\w.+-]+)"?/m.exec(text.value)?.[1] : undefined;
    if (version !== undefined) return version;
  }
  return undefined;
}

/** Where nothing is said of sources, the file acl.conf is the only one. */
async function collectAclSources(system: AuditedSystem, config: EmqxConfig): Promise<AclSource[]> {
  const written = config.value('authorization.sources');
  const etc = posix.dirname(config.file);
  if (written === undefined) {
    const file = posix.join(etc, 'acl.conf');
    return [{ file, last: await readLastRule(system, file) }];
  }
  const sources: AclSource[] = [];
  for (const item of itemsOf(written)) {
    if (settingIn(item, 'type', '').text !== 'file' || settingIn(item, 'enable', 'true').text === 'false') continue;
    const rules = settingIn(item, 'rules', '');
    const path = settingIn(item, 'path', '${EMQX_ETC_DIR}/acl.conf');
    if (rules.place !== undefined) {
      sources.push({ file: rules.place.file, last: lastRuleIn(rules.text, rules.place.file, rules.place.line - 1) });
      continue;
    }
    const file = resolvedFolder(config.file, path.text.replace(/^\$\{EMQX_ETC_DIR\}|^etc(?=\/)/, etc));
    sources.push({ file, last: await readLastRule(system, file) });
  }
  return sources;
}

async function readLastRule(system: AuditedSystem, file: string): Promise<Fact<LastRule>> {
  const text = await system.readText(file);
  if (text.state === 'absent') return unknown('file-missing', `${file} is not there.`);
  return text.state === 'known' ? lastRuleIn(text.value, file, 0) : text;
}

function lastRuleIn(text: string, file: string, linesBefore: number): Fact<LastRule> | Unknown {
  try {
    const rule = lastRuleOf(text, file);
    return rule === undefined
      ? { state: 'absent', source: { from: file } }
      : known(rule, file, rule.line + linesBefore);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'FileFaultError') throw error;
    return unknown('malformed', error.message.split('\n')[0]!);
  }
}
