/** What distribution the audited system is, from os-release(5). */
import { type Fact, mapFact, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

export interface OsRelease {
  /** Such as `debian`. */
  readonly id: string;
  /** What it is made from, such as `debian` for Ubuntu. */
  readonly like: readonly string[];
  /** Such as `bookworm`; empty for a rolling release. */
  readonly codename: string;
  readonly versionId: string;
  readonly name: string;
}

export async function collectOsRelease(system: AuditedSystem): Promise<Fact<OsRelease>> {
  const first = await system.readText('/etc/os-release');
  const fact = first.state === 'absent' ? await system.readText('/usr/lib/os-release') : first;
  return mapFact(fact, (text) => {
    const values = new Map<string, string>();
    for (const line of text.split('\n')) {
      const match = /^([A-Z][A-Z0-9_]*)=(?:"([^"]*)"|'([^']*)'|(\S*))\s*$/.exec(line);
      if (match !== null) values.set(match[1]!, match[2] ?? match[3] ?? match[4] ?? '');
    }
    const id = values.get('ID');
    if (id === undefined) return unknown('malformed', '/etc/os-release has no ID.');
    return {
      id,
      like: (values.get('ID_LIKE') ?? '').split(' ').filter((word) => word !== ''),
      codename: values.get('VERSION_CODENAME') ?? '',
      versionId: values.get('VERSION_ID') ?? '',
      name: values.get('PRETTY_NAME') ?? id,
    };
  });
}

export function isDebianLike(os: OsRelease): boolean {
  return os.id === 'debian' || os.like.includes('debian');
}
