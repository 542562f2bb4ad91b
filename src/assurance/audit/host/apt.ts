/** What apt knows: how fresh its indexes are, which security updates wait, what it trusts and what it does by itself. */
import { type Fact, known, mapFact, type Unknown, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { paragraphsOf } from './deb822.ts';
import { compareDebianVersions } from './debian-version.ts';
import type { InstalledPackages } from './dpkg.ts';

const LISTS = '/var/lib/apt/lists';
const INDEX_MAX_BYTES = 128 * 1024 * 1024;

export interface AptIndexes {
  /** Of the newest Release file, since the Unix epoch; null where apt has never fetched anything. */
  readonly refreshedMs: number | null;
}

export interface PendingUpdate {
  readonly name: string;
  readonly installed: string;
  readonly available: string;
}

export async function collectAptIndexes(system: AuditedSystem): Promise<Fact<AptIndexes>> {
  const names = await system.list(LISTS);
  if (names.state !== 'known') return names;
  const releases = names.value.filter((name) => /(?:^|_)(?:InRelease|Release)$/.test(name));
  const times: number[] = [];
  for (const name of releases) {
    const status = await system.status(`${LISTS}/${name}`);
    if (status.state === 'known') times.push(status.value.modifiedMs);
  }
  return known({ refreshedMs: times.length === 0 ? null : Math.max(...times) }, LISTS);
}

/** Security suites say so in their Release file: Debian in its label, Ubuntu in its suite. */
function isSecurityRelease(text: string): boolean {
  const [release] = paragraphsOf(text.replace(/^-----BEGIN PGP SIGNED MESSAGE-----\n[\s\S]*?\n\n/, ''), RELEASE_FIELDS);
  return release?.get('label') === 'Debian-Security' || /-security$/.test(release?.get('suite') ?? '');
}

const RELEASE_FIELDS = new Set(['label', 'suite', 'origin']);
const INDEX_FIELDS = new Set(['package', 'version']);

/**
 * Installed packages of which a security suite has a newer version, whatever pins and holds say: a held package is as weak as another.
 * Unknown where no security suite is among apt's sources.
 */
export async function collectSecurityUpdates(
  system: AuditedSystem,
  packages: Fact<InstalledPackages>,
): Promise<Fact<readonly PendingUpdate[]>> {
  if (packages.state !== 'known') return packages;
  const names = await system.list(LISTS);
  if (names.state !== 'known') return names;
  const suites: string[] = [];
  for (const name of names.value.filter((one) => /_(?:InRelease|Release)$/.test(one))) {
    const release = await system.readText(`${LISTS}/${name}`);
    if (release.state === 'known' && isSecurityRelease(release.value))
      suites.push(name.replace(/(?:InRelease|Release)$/, ''));
  }
  const indexes = names.value.filter(
    (name) => /_Packages(?:\.\w+)?$/.test(name) && suites.some((suite) => name.startsWith(suite)),
  );
  if (indexes.length === 0)
    return unknown('file-missing', 'None of the indexes that apt has fetched is of a security suite.');
  const newest = new Map<string, PendingUpdate>();
  for (const name of indexes) {
    const text = await readIndex(system, `${LISTS}/${name}`);
    if (text.state !== 'known') return text;
    for (const fields of paragraphsOf(text.value, INDEX_FIELDS)) {
      const [packageName = '', available = ''] = [fields.get('package'), fields.get('version')];
      const installed = packages.value.get(packageName)?.version;
      if (installed === undefined || compareDebianVersions(installed, available) >= 0) continue;
      const before = newest.get(packageName);
      if (before === undefined || compareDebianVersions(before.available, available) < 0)
        newest.set(packageName, { name: packageName, installed, available });
    }
  }
  return known(
    [...newest.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    LISTS,
  );
}

/** apt may keep its indexes compressed, and has a program that reads them. */
async function readIndex(system: AuditedSystem, path: string): Promise<Fact<string>> {
  if (path.endsWith('_Packages')) return system.readText(path, { sizeMaxBytes: INDEX_MAX_BYTES });
  const output = await system.run('/usr/lib/apt/apt-helper', ['cat-file', path]);
  return mapFact(output, ({ exitCode, stdout }): string | Unknown =>
    exitCode === 0 ? stdout : unknown('command-failed', `apt-helper could not read ${path}.`),
  );
}

/** apt's settings in effect, keys in lower case. Reading them takes apt itself: files, fragments and defaults make them together. */
export async function collectAptConfig(system: AuditedSystem): Promise<Fact<ReadonlyMap<string, string>>> {
  return mapFact(await system.run('apt-config', ['dump']), ({ exitCode, stdout }) => {
    if (exitCode !== 0) return unknown('command-failed', 'apt-config dump failed.');
    const settings = new Map<string, string>();
    for (const match of stdout.matchAll(/^([A-Za-z][\w:./-]*?)(?:::)? "(.*)";$/gm))
      settings.set(match[1]!.toLowerCase(), match[2]!);
    return settings;
  });
}

export interface UntrustedSource {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly option: string;
}

export interface AptSources {
  readonly count: number;
  readonly untrusted: readonly UntrustedSource[];
}

const SOURCES_FOLDER = '/etc/apt/sources.list.d';
/** `trusted=yes`, and the options that take unsigned or weakly signed indexes. */
const UNTRUSTED =
  /\b(trusted|allow-insecure|allow-weak|allow-downgrade-to-insecure)\s*[=:]\s*(?:yes|true|1|on|enable|with)\b/i;

/** Sources in the one-line and in the deb822 format. */
export async function collectAptSources(system: AuditedSystem): Promise<Fact<AptSources>> {
  const folder = await system.list(SOURCES_FOLDER);
  if (folder.state === 'unknown') return folder;
  const fragments = folder.state === 'known' ? folder.value.filter((name) => /\.(?:list|sources)$/.test(name)) : [];
  const files = ['/etc/apt/sources.list', ...fragments.map((name) => `${SOURCES_FOLDER}/${name}`)];
  const untrusted: UntrustedSource[] = [];
  let count = 0;
  for (const file of files) {
    const text = await system.readText(file);
    if (text.state === 'unknown') return text;
    if (text.state === 'absent') continue;
    for (const [index, line] of text.value.split('\n').entries()) {
      if (/^\s*#/.test(line)) continue;
      if (/^\s*(?:deb(?:-src)?\s|URIs:)/i.test(line)) count++;
      const option = UNTRUSTED.exec(line);
      if (option !== null) untrusted.push({ file, line: index + 1, option: option[0] });
    }
  }
  return known(
    { count, untrusted },
    untrusted[0]?.file ?? (fragments.length > 0 ? SOURCES_FOLDER : '/etc/apt/sources.list'),
  );
}
