/** Client certificates in the gateway's journal, each with the clients that came with it. */
import { posix } from 'node:path';
import { parseRecord } from '../../../../app/observability/journal/record.ts';
import { absent, type Fact, known } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';

const JOURNAL = '/var/lib/sallyport/journal';
const SEGMENT_MAX_BYTES = 128 * 1024 * 1024;
/** Of all segments together, the newest first: reading months of a busy gateway would take as long as the rest of the audit. */
const READ_MAX_BYTES = 256 * 1024 * 1024;
/** Of one certificate: more are not told apart. */
const CLIENTS_MAX = 100;
const CERTIFICATES_MAX = 100_000;

/** By SHA-256 of the certificate: client identifiers. Of the newest segments, which are what the gateway saw last. */
export type CertificateUse = ReadonlyMap<string, ReadonlySet<string>>;

export async function collectCertificateUse(system: AuditedSystem): Promise<Fact<CertificateUse>> {
  const names = await system.list(JOURNAL);
  if (names.state !== 'known') return names;
  const segments = names.value.filter((name) => /^\d{10}\.journal$/.test(name)).reverse();
  if (segments.length === 0) return absent(JOURNAL);
  const use = new Map<string, Set<string>>();
  let [readBytes, count] = [0, 0];
  for (const name of segments) {
    const path = posix.join(JOURNAL, name);
    const text = await system.readText(path, { sizeMaxBytes: Math.min(SEGMENT_MAX_BYTES, READ_MAX_BYTES - readBytes) });
    if (text.state === 'unknown' && text.reason === 'too-large' && count > 0) break;
    if (text.state === 'unknown') return text;
    // Retention may take the oldest away meanwhile.
    if (text.state === 'absent') continue;
    noteClients(text.value, use);
    readBytes += text.value.length;
    count++;
  }
  return known(use, count === segments.length ? JOURNAL : posix.join(JOURNAL, segments[count - 1] ?? segments[0]!));
}

function noteClients(text: string, use: Map<string, Set<string>>): void {
  for (const line of text.split('\n')) {
    if (!line.includes('"client.connected"')) continue;
    const { name, certificate, clientId } = parseRecord(line)?.d ?? {};
    if (name !== 'client.connected' || typeof certificate !== 'string' || typeof clientId !== 'string') continue;
    const clients = use.get(certificate) ?? new Set();
    if (clients.size < CLIENTS_MAX) clients.add(clientId);
    if (use.size < CERTIFICATES_MAX) use.set(certificate, clients);
  }
}
