/** Files of brokers that hold secrets, and who may read or replace them. */
import { posix } from 'node:path';
import { type Fact, known } from '../model/fact.ts';
import type { AuditedSystem, FileStatus } from '../system/audited-system.ts';

export interface GuardedFile {
  readonly path: string;
  readonly isSecret: boolean;
  readonly status: FileStatus;
}

export interface BrokerFiles {
  readonly files: readonly GuardedFile[];
  /** Folders above them, up to the root. */
  readonly folders: readonly GuardedFile[];
}

const PLACES = [
  '/etc/mosquitto',
  '/etc/emqx',
  '/opt/emqx/etc',
  '/opt/emqx/data/configs',
  '/opt/hivemq/conf',
  '/etc/sallyport',
  '/var/lib/sallyport',
];
const FILES_MAX = 500;
const DEPTH_MAX = 4;

/** Password files, key files and key stores, by the names that people give them. Shipped examples are none. */
const SECRET_NAME =
  /(?:^|[._-])(?:passwd|password|passwords|pwfile|pskfile|psk|secret|secrets|cookie|users)(?:[._-]|$)|\.(?:key|jks|p12|pfx|keystore)$/i;
const CONFIG_NAME = /\.(?:conf|config|hocon|xml|ya?ml|json|acl)$|(?:^|[._-])acl(?:file|[._-]|$)/i;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

export async function collectBrokerFiles(system: AuditedSystem): Promise<Fact<BrokerFiles>> {
  const files: GuardedFile[] = [];
  const folders = new Map<string, GuardedFile>();
  const visit = async (path: string, depth: number): Promise<Fact<never> | undefined> => {
    const names = await system.list(path);
    if (names.state === 'unknown') return names;
    if (names.state === 'absent') return undefined;
    for (const name of names.value) {
      if (files.length >= FILES_MAX) return undefined;
      const at = posix.join(path, name);
      const status = await system.status(at);
      if (status.state === 'unknown') return status;
      if (status.state === 'absent') continue;
      if (status.value.kind === 'directory') {
        const failed = depth < DEPTH_MAX ? await visit(at, depth + 1) : undefined;
        if (failed !== undefined) return failed;
      } else if (status.value.kind === 'file') {
        const isSecret = await hasSecret(system, at, name);
        if (isSecret || CONFIG_NAME.test(name)) files.push({ path: at, isSecret, status: status.value });
      }
    }
    return undefined;
  };
  for (const place of PLACES) {
    const failed = await visit(place, 0);
    if (failed !== undefined) return failed;
  }
  for (const { path } of files) {
    for (let above = posix.dirname(path); !folders.has(above); above = posix.dirname(above)) {
      const status = await system.status(above);
      if (status.state === 'unknown') return status;
      if (status.state === 'known') folders.set(above, { path: above, isSecret: false, status: status.value });
      if (above === '/') break;
    }
  }
  return known({ files, folders: [...folders.values()] }, 'the files of brokers');
}

async function hasSecret(system: AuditedSystem, path: string, name: string): Promise<boolean> {
  if (/\.(?:example|sample|dist|md)$/.test(name) || /\.(?:crt|cer|pub)$/.test(name)) return false;
  if (SECRET_NAME.test(name)) return true;
  if (!/\.pem$/.test(name)) return false;
  const text = await system.readText(path);
  // Who may not read it cannot tell: it is guarded well enough from this user.
  return text.state === 'known' && PRIVATE_KEY.test(text.value);
}
