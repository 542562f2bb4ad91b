/** Keys that Debian's OpenSSL made between 2006 and 2008 (CVE-2008-0166), told by the lists of the package openssl-blacklist. */
import { createHash } from 'node:crypto';
import { type Fact, known, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';

const FOLDER = '/usr/share/openssl-blacklist';
const LIST_MAX_BYTES = 32 * 1024 * 1024;

/** Hex, upper case, without zeros in front, as `openssl rsa -modulus` prints it. The lists have the last half of the SHA-1. */
export function blacklistEntry(modulusHex: string): string {
  return createHash('sha1').update(`Modulus=${modulusHex}\n`).digest('hex').slice(20);
}

/** Whether the key is on the list; unknown without a list for its size. */
export async function isDebianWeak(system: AuditedSystem, modulusHex: string, bits: number): Promise<Fact<boolean>> {
  const path = `${FOLDER}/blacklist.RSA-${bits}`;
  const list = await system.readText(path, { sizeMaxBytes: LIST_MAX_BYTES });
  if (list.state === 'unknown') return list;
  if (list.state === 'absent')
    return unknown(
      'file-missing',
      `Whether Debian's OpenSSL of 2008 made the key, only ${path} (openssl-blacklist) could tell.`,
    );
  return known(list.value.includes(blacklistEntry(modulusHex)), path);
}
