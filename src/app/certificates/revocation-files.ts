/** Revocation lists and pinned certificates from the files that the configuration names. */
import type { Clock } from '../../base/clock.ts';
import { parsePinFile } from '../../policy/identity/pin-file.ts';
import type { Authority } from '../../policy/identity/revocation/certificate-path.ts';
import { LIST_SIZE_MAX_BYTES } from '../../policy/identity/revocation/distribution-points.ts';
import { FileLists } from '../../policy/identity/revocation/file-lists.ts';
import { PublishedList } from '../../policy/identity/revocation/published-list.ts';
import { listsInFile, type Pause, readRevocationList } from '../../policy/identity/revocation/revocation-list.ts';
import { OperatorError } from '../config/problem.ts';
import { openPlainFile, readPlainText } from '../plain-file.ts';

/** @throws {OperatorError} when a file cannot be read, or holds what no authority of the listener has signed. */
export async function readFileLists(
  files: readonly string[],
  authorities: readonly Authority[],
  services: { clock: Clock; pause: Pause },
): Promise<FileLists> {
  const published: PublishedList[] = [];
  for (const file of files) {
    const found = listsInFile(await readBounded(file));
    if (found.length === 0) throw new OperatorError(`${file} holds no revocation list, in PEM or DER; write it anew.`);
    for (const der of found) {
      const list = await readRevocationList(der, services.pause);
      if (typeof list === 'string') throw new OperatorError(`The revocation list in ${file} cannot be used: ${list}.`);
      published.push(new PublishedList(file, list));
    }
  }
  const lists = new FileLists(published, services.clock);
  const [forged] = await lists.forged(authorities);
  if (forged !== undefined) {
    throw new OperatorError(
      `The revocation list in ${forged} bears the name of a client CA, but not its signature; fetch it anew.`,
    );
  }
  return lists;
}

async function readBounded(file: string): Promise<Uint8Array> {
  try {
    const opened = await openPlainFile(file);
    try {
      const { size } = await opened.stat();
      if (size > LIST_SIZE_MAX_BYTES) throw new OperatorError(`${file} is larger than any revocation list may be.`);
      return await opened.readFile();
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw unreadable('revocation list', file, error);
  }
}

/** @throws {OperatorError} when the file cannot be read, {FileFaultError} with all that is wrong in it. */
export async function readPins(file: string): Promise<ReadonlySet<string>> {
  let text: string;
  try {
    text = await readPlainText(file);
  } catch (error) {
    throw unreadable('file of pinned certificates', file, error);
  }
  return parsePinFile(text, file);
}

function unreadable(what: string, file: string, error: unknown): OperatorError {
  return new OperatorError(`The ${what} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
}
