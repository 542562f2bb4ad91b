/** Private keys and client authorities that the configurations of Mosquitto and of Sallyport name. */
import { posix } from 'node:path';
import { rootCertificates } from 'node:tls';
import { parseDocument } from 'yaml';
import { isTrue, MosquittoConfig } from '../../brokers/mosquitto/config.ts';
import { PACKAGED_CONFIGURATION } from '../../brokers/mosquitto/configured-listeners.ts';
import { readDirectives } from '../../brokers/mosquitto/directives.ts';
import { type Fact, known, mapFact, type Source, unknown } from '../../model/fact.ts';
import type { AuditedSystem, FileStatus } from '../../system/audited-system.ts';

export interface NamedFile {
  readonly path: string;
  /** Where it is named. */
  readonly named: Source;
}

export interface GuardedKey extends NamedFile {
  readonly status: Fact<FileStatus>;
  /** Folders above it, up to the root. */
  readonly folders: readonly { readonly path: string; readonly status: FileStatus }[];
}

export interface ClientTrust extends NamedFile {
  /** How many public authorities are among those that it holds. */
  readonly publicRoots: Fact<number>;
}

export interface ConfiguredTls {
  readonly keys: readonly GuardedKey[];
  /** Of listeners that ask clients for certificates. */
  readonly clientTrust: readonly ClientTrust[];
  /** Who may own keys: root and the users that brokers run as. */
  readonly owners: ReadonlySet<number>;
}

const GATEWAY_FOLDERS = ['/etc/sallyport', '/var/lib/sallyport'];
const TRUST_MAX_BYTES = 8 * 1024 * 1024;
const NESTED_MAX = 16;
const BROKER_USERS = /^(?:mosquitto|sallyport|emqx|hivemq):[^:]*:(\d+):/gm;

interface Named {
  readonly keys: NamedFile[];
  readonly trust: NamedFile[];
}

export async function collectConfiguredTls(system: AuditedSystem): Promise<Fact<ConfiguredTls>> {
  const named: Named = { keys: [], trust: [] };
  for (const failed of [await mosquittoFiles(system, named), await gatewayFiles(system, named)])
    if (failed !== undefined) return failed;
  const passwd = await system.readText('/etc/passwd');
  const users =
    passwd.state === 'known' ? [...passwd.value.matchAll(BROKER_USERS)].map((match) => Number(match[1])) : [];
  return known(
    {
      keys: await Promise.all(distinct(named.keys).map((file) => guarded(system, file))),
      clientTrust: await Promise.all(distinct(named.trust).map((file) => trusted(system, file))),
      owners: new Set([0, ...users]),
    },
    'configurations of brokers',
  );
}

function distinct(files: readonly NamedFile[]): NamedFile[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

type Failed = Extract<Fact<never>, { state: 'unknown' }> | undefined;

async function mosquittoFiles(system: AuditedSystem, { keys, trust }: Named): Promise<Failed> {
  const read = await readDirectives(system, PACKAGED_CONFIGURATION);
  if (read.state === 'unknown') return read;
  if (read.state === 'absent') return undefined;
  // Files have no default in any version.
  const config = new MosquittoConfig(PACKAGED_CONFIGURATION, '2.0', read.value);
  for (const listener of config.listeners) {
    const isAsking = isTrue(config.settingOf(listener, 'require_certificate').value);
    for (const [name, list] of [
      ['keyfile', keys],
      ...(isAsking
        ? ([
            ['cafile', trust],
            ['capath', trust],
          ] as const)
        : []),
    ] as const) {
      const { value, directive } = config.settingOf(listener, name);
      if (directive !== undefined && posix.isAbsolute(value))
        list.push({ path: value, named: { from: directive.file, line: directive.line } });
    }
  }
  return undefined;
}

async function gatewayFiles(system: AuditedSystem, named: Named): Promise<Failed> {
  for (const folder of GATEWAY_FOLDERS) {
    const names = await system.list(folder);
    if (names.state === 'unknown') return names;
    if (names.state === 'absent') continue;
    for (const name of names.value.filter((one) => /\.ya?ml$/.test(one))) {
      const file = posix.join(folder, name);
      const text = await system.readText(file);
      if (text.state === 'unknown') return text;
      if (text.state === 'absent') continue;
      const document = parseDocument(text.value);
      if (document.errors.length > 0) return unknown('malformed', `${file} is no YAML.`);
      let value: unknown;
      try {
        // What refers to itself too often is refused.
        value = document.toJS({ maxAliasCount: 100 });
      } catch {
        return unknown('malformed', `${file} is no YAML that can be unfolded.`);
      }
      walk(value, file, named, 0);
    }
  }
  return undefined;
}

/** Whatever has a certificate and a key, and whatever asks for clients' certificates; paths are relative to the file. */
function walk(value: unknown, file: string, named: Named, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > NESTED_MAX) return;
  const entry = value as Readonly<Record<string, unknown>>;
  const at = (path: string): NamedFile => ({ path: posix.resolve(posix.dirname(file), path), named: { from: file } });
  const { certificate, key, clientCa } = entry;
  if (typeof certificate === 'string' && typeof key === 'string') named.keys.push(at(key));
  if (typeof clientCa === 'string') named.trust.push(at(clientCa));
  for (const inner of Object.values(entry)) walk(inner, file, named, depth + 1);
}

async function guarded(system: AuditedSystem, file: NamedFile): Promise<GuardedKey> {
  const folders: { path: string; status: FileStatus }[] = [];
  for (let above = posix.dirname(file.path); ; above = posix.dirname(above)) {
    const status = await system.status(above);
    if (status.state === 'known') folders.push({ path: above, status: status.value });
    if (above === '/') break;
  }
  return { ...file, status: await system.status(file.path), folders };
}

const bodyOf = (pem: string): string => pem.replace(/-----[A-Z ]+-----|\s/g, '');

async function trusted(system: AuditedSystem, file: NamedFile): Promise<ClientTrust> {
  const status = await system.status(file.path);
  if (status.state === 'known' && status.value.kind === 'directory') {
    // A folder of hashed names; the system's own has public authorities by the hundred.
    const names = await system.list(file.path);
    const hashed = mapFact(names, (all) => all.filter((name) => /^[0-9a-f]{8}\.\d$/.test(name)).length);
    const isSystem = /^\/etc\/(?:ssl|pki\/tls)\/certs\/?$/.test(file.path);
    return { ...file, publicRoots: isSystem ? hashed : mapFact(hashed, () => 0) };
  }
  const text = await system.readText(file.path, { sizeMaxBytes: TRUST_MAX_BYTES });
  const publicRoots = mapFact(text, (pems) => {
    const known = new Set(rootCertificates.map(bodyOf));
    const found = [...pems.matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)];
    return found.filter(([pem]) => known.has(bodyOf(pem))).length;
  });
  return { ...file, publicRoots };
}
