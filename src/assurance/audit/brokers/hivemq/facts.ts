/** What is collected of one HiveMQ: config.xml, who may read it, and the extensions that are in the folder beside it. */
import { posix } from 'node:path';
import type { Profile } from '../../audit-file/schema.ts';
import { type Fact, known, mapFact, unknown } from '../../model/fact.ts';
import type { AuditContext } from '../../model/subject.ts';
import type { Target } from '../../model/target.ts';
import type { AuditedSystem, FileStatus } from '../../system/audited-system.ts';
import { HivemqConfig } from './config.ts';
import { readXml } from './xml.ts';

export interface Extension {
  /** Of its folder. */
  readonly name: string;
  readonly folder: string;
  /** Without the marker DISABLED. */
  readonly isEnabled: boolean;
}

export interface HivemqFacts {
  readonly config: Fact<HivemqConfig>;
  readonly configStatus: Fact<FileStatus>;
  /** Absent where there is no folder of extensions. */
  readonly extensions: Fact<readonly Extension[]>;
  readonly profile: Profile;
}

export async function collectHivemq(
  { place, options }: Target,
  { system, declared }: AuditContext,
): Promise<HivemqFacts> {
  const stated = options?.['extensions'];
  const folder = typeof stated === 'string' ? stated : posix.join(posix.dirname(posix.dirname(place)), 'extensions');
  return {
    config: await readHivemqConfig(system, place),
    configStatus: await system.status(place),
    extensions: await collectExtensions(system, folder),
    profile: declared.profile,
  };
}

export async function readHivemqConfig(system: AuditedSystem, place: string): Promise<Fact<HivemqConfig>> {
  const bytes = await system.readBytes(place);
  const root = bytes.state === 'known' ? readXml(place, bytes.value) : bytes;
  return mapFact(root, (element) =>
    element.name === 'hivemq'
      ? new HivemqConfig(place, element)
      : unknown('malformed', `${place}:${element.line}: the root is <${element.name}>, not <hivemq>.`),
  );
}

async function collectExtensions(system: AuditedSystem, folder: string): Promise<Fact<readonly Extension[]>> {
  const names = await system.list(folder);
  if (names.state !== 'known') return names;
  const extensions: Extension[] = [];
  for (const name of names.value) {
    const own = posix.join(folder, name);
    // HiveMQ takes a folder for an extension that has this file.
    const manifest = await system.status(posix.join(own, 'hivemq-extension.xml'));
    if (manifest.state === 'unknown') return manifest;
    const status = await system.status(own);
    if (status.state === 'unknown') return status;
    if (status.state === 'absent' || status.value.kind !== 'directory') continue;
    if (manifest.state === 'absent' && !/^hivemq-/.test(name)) continue;
    const marker = await system.status(posix.join(own, 'DISABLED'));
    if (marker.state === 'unknown') return marker;
    extensions.push({ name, folder: own, isEnabled: marker.state === 'absent' });
  }
  return known(extensions, folder);
}
