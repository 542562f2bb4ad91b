/** The Debian packages that are installed, from dpkg's own status file. */
import { type Fact, mapFact } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import { paragraphsOf } from './deb822.ts';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

export const DPKG_STATUS = '/var/lib/dpkg/status';
const STATUS_MAX_BYTES = 64 * 1024 * 1024;
const WANTED = new Set(['package', 'status', 'version', 'architecture']);

/** By name; of several architectures the first. */
export type InstalledPackages = ReadonlyMap<string, InstalledPackage>;

export async function collectPackages(system: AuditedSystem): Promise<Fact<InstalledPackages>> {
  return mapFact(await system.readText(DPKG_STATUS, { sizeMaxBytes: STATUS_MAX_BYTES }), (text) => {
    const packages = new Map<string, InstalledPackage>();
    for (const fields of paragraphsOf(text, WANTED)) {
      const [name, version] = [fields.get('package'), fields.get('version')];
      // `hold ok installed` is as installed as `install ok installed`.
      if (name === undefined || version === undefined || !/ installed$/.test(fields.get('status') ?? '')) continue;
      if (!packages.has(name)) packages.set(name, { name, version, architecture: fields.get('architecture') ?? '' });
    }
    return packages;
  });
}
