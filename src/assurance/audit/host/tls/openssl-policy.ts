/** What the system's openssl.cnf demands of every program that uses OpenSSL. */
import { type Fact, mapFact } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';

export interface OpensslPolicy {
  /** As written, such as `TLSv1.2`; undefined where nothing is said. */
  readonly minProtocol: string | undefined;
  readonly securityLevel: number | undefined;
}

export const OPENSSL_CNF = '/etc/ssl/openssl.cnf';

export async function collectOpensslPolicy(system: AuditedSystem): Promise<Fact<OpensslPolicy>> {
  return mapFact(await system.readText(OPENSSL_CNF), (text) => {
    const sections = sectionsOf(text);
    // The chain that libssl follows: openssl_conf, ssl_conf, system_default [config(5ssl)].
    const init = sections.get(sections.get('')?.get('openssl_conf') ?? '');
    const ssl = sections.get(init?.get('ssl_conf') ?? '');
    const defaults = sections.get(ssl?.get('system_default') ?? '');
    const level = /@SECLEVEL=(\d+)/.exec(defaults?.get('CipherString') ?? '')?.[1];
    return {
      minProtocol: defaults?.get('MinProtocol'),
      securityLevel: level === undefined ? undefined : Number(level),
    };
  });
}

/** By name of the section; what stands before the first has the name ''. */
function sectionsOf(text: string): Map<string, Map<string, string>> {
  let current = new Map<string, string>();
  const sections = new Map([['', current]]);
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*/, '').trim();
    const name = /^\[\s*(.*?)\s*\]$/.exec(line)?.[1];
    if (name !== undefined) {
      current = sections.get(name) ?? new Map();
      sections.set(name, current);
      continue;
    }
    const setting = /^([\w.-]+)\s*=\s*(.*)$/.exec(line);
    if (setting !== null) current.set(setting[1]!, setting[2]!);
  }
  return sections;
}
