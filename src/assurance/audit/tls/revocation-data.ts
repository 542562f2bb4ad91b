/** Revocation lists that the auditor names, or that may be fetched from where the certificate says they are. */

import type { Clock } from '../../../base/clock.ts';
import { listsInFile, readRevocationList } from '../../../policy/identity/revocation/revocation-list.ts';
import { absent, type Fact, known, type Unknown, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import type { ServedCertificate } from './served-certificate.ts';

export interface ListFreshness {
  /** A file or an address. */
  readonly place: string;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
}

const LIST_MAX_BYTES = 16 * 1024 * 1024;
const LISTS_MAX = 8;

export interface RevocationQuestion {
  readonly system: AuditedSystem;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly file: string | undefined;
  readonly isFetchAllowed: boolean;
}

/** Absent where there is no list to look at. Each list for itself, so that one which cannot be had does not hide another. */
export async function collectLists(
  chain: Fact<readonly ServedCertificate[]>,
  question: RevocationQuestion,
): Promise<Fact<readonly Fact<ListFreshness>[]>> {
  const { system, clock, file, isFetchAllowed } = question;
  if (file !== undefined) {
    const bytes = await system.readBytes(file, { sizeMaxBytes: LIST_MAX_BYTES });
    if (bytes.state === 'absent') return unknown('file-missing', `${file} is not there.`);
    return bytes.state === 'unknown' ? bytes : known(await freshness(bytes.value, file, clock), file);
  }
  if (chain.state !== 'known') return chain;
  const uris = [...new Set(chain.value.flatMap(({ fields }) => fields.listUris))].filter((uri) =>
    /^https?:\/\//i.test(uri),
  );
  const from = 'the distribution points of the certificates';
  if (uris.length === 0) return absent(from);
  if (!isFetchAllowed)
    return unknown(
      'consent-missing',
      `${uris[0]} was not fetched: allow it with --fetch, or give the list with --crl.`,
    );
  const lists = uris.slice(0, LISTS_MAX).map(async (uri) => {
    const bytes = await fetchList(uri, question);
    return 'state' in bytes ? [bytes] : freshness(bytes, uri, clock);
  });
  return known((await Promise.all(lists)).flat(), from);
}

async function freshness(bytes: Uint8Array, place: string, clock: Clock): Promise<Fact<ListFreshness>[]> {
  const ders = listsInFile(bytes);
  if (ders.length === 0) return [unknown('malformed', `${place} holds no revocation list.`)];
  const pause = (): Promise<void> => new Promise((resolve) => clock.after(0, resolve));
  return Promise.all(
    ders.map(async (der) => {
      const list = await readRevocationList(der, pause);
      if (typeof list === 'string') return unknown('malformed', `${place}: ${list}.`);
      return known({ place, thisUpdateMs: list.thisUpdateMs, nextUpdateMs: list.nextUpdateMs }, place);
    }),
  );
}

async function fetchList(uri: string, { signal, clock, timeoutMs }: RevocationQuestion): Promise<Uint8Array | Unknown> {
  const late = new AbortController();
  const timer = clock.after(timeoutMs, () => late.abort());
  try {
    const answer = await fetch(uri, { redirect: 'error', signal: AbortSignal.any([signal, late.signal]) });
    if (!answer.ok || answer.body === null)
      return unknown('unreachable', `${uri} answers with status ${answer.status}.`);
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const part of answer.body) {
      sizeBytes += part.length;
      if (sizeBytes > LIST_MAX_BYTES) return unknown('too-large', `${uri} is larger than ${LIST_MAX_BYTES} octets.`);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } catch (error) {
    return unknown(
      late.signal.aborted || signal.aborted ? 'timed-out' : 'unreachable',
      `${uri} cannot be fetched: ${(error as Error).message}.`,
    );
  } finally {
    timer.cancel();
  }
}
