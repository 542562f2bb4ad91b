/** Client certificates in the gateway's journal, each with the clients that came with it. */
import { posix } from 'node:path';
import { parseRecord } from '../../../../app/observability/journal/record.ts';
import { absent, type Fact, known } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';

const JOURNAL = '/var/lib/sallyport/journal';
const SEGMENT_MAX_BYTES = 128 * 1024 * 1024;
/** Of one certificate: more are not told apart. */
const CLIENTS_MAX = 100;
const CERTIFICATES_MAX = 100_000;

/** By SHA-256 of the certificate: client identifiers. Of the newest segment alone, which is what the gateway saw last. */
export type CertificateUse = ReadonlyMap<string, ReadonlySet<string>>;

export async function collectCertificateUse(system: AuditedSystem): Promise<Fact<CertificateUse>> {
  const names = await system.list(JOURNAL);
  if (names.state !== 'known') return names;
  const newest = names.value.filter((name) => /^\d{10}\.journal$/.test(name)).at(-1);
  if (newest === undefined) return absent(JOURNAL);
  const path = posix.join(JOURNAL, newest);
  const text = await system.readText(path, { sizeMaxBytes: SEGMENT_MAX_BYTES });
  if (text.state !== 'known') return text;
  const use = new Map<string, Set<string>>();
  for (const line of text.value.split('\n')) {
    if (!line.includes('"client.connected"')) continue;
    const { name, certificate, clientId } = parseRecord(line)?.d ?? {};
    if (name !== 'client.connected' || typeof certificate !== 'string' || typeof clientId !== 'string') continue;
    const clients = use.get(certificate) ?? new Set();
    if (clients.size < CLIENTS_MAX) clients.add(clientId);
    if (use.size < CERTIFICATES_MAX) use.set(certificate, clients);
  }
  return known(use, path);
}
