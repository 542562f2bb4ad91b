/** What is collected of one Mosquitto: its configuration, the files that it names, and which version's defaults hold. */
import type { Profile } from '../../audit-file/schema.ts';
import { collectBrokerPrograms } from '../../host/broker-programs.ts';
import { type Fact, mapFact } from '../../model/fact.ts';
import type { AuditContext } from '../../model/subject.ts';
import type { Target } from '../../model/target.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';
import { type AclLine, aclLinesIn } from './acl-lines.ts';
import { MosquittoConfig } from './config.ts';
import { tableOf } from './defaults.ts';
import { readDirectives } from './directives.ts';

export interface MosquittoFacts {
  readonly config: Fact<MosquittoConfig>;
  /** By the path that the configuration gives. */
  readonly aclFiles: ReadonlyMap<string, Fact<readonly AclLine[]>>;
  readonly passwordFiles: ReadonlyMap<string, Fact<string>>;
  readonly profile: Profile;
}

export async function collectMosquitto({ place, options }: Target, context: AuditContext): Promise<MosquittoFacts> {
  const { system, declared } = context;
  const stated = options?.['version'];
  const version = typeof stated === 'string' ? stated : await installedVersion(system);
  const config = mapFact(
    await readDirectives(system, place),
    (directives) => new MosquittoConfig(place, tableOf(version), directives),
  );
  const named = (setting: string): string[] =>
    config.state !== 'known'
      ? []
      : [...new Set(config.value.directives.filter(({ name }) => name === setting).map(({ value }) => value))];
  return {
    config,
    aclFiles: await readAll(named('acl_file'), async (path) => mapFact(await system.readText(path), aclLinesIn)),
    passwordFiles: await readAll(named('password_file'), (path) => system.readText(path, { sizeMaxBytes: 64 << 20 })),
    profile: declared.profile,
  };
}

async function installedVersion(system: AuditedSystem): Promise<string | undefined> {
  const programs = await collectBrokerPrograms(system);
  if (programs.state !== 'known') return undefined;
  const found = programs.value.find(({ broker }) => broker === 'mosquitto');
  return found?.packaged?.version ?? found?.version;
}

async function readAll<T>(paths: readonly string[], read: (path: string) => Promise<T>): Promise<Map<string, T>> {
  return new Map(await Promise.all(paths.map(async (path) => [path, await read(path)] as const)));
}
