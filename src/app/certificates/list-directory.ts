/** Fetched revocation lists on disk, so that a restart does not depend on every authority's server. */
import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Emit } from '../../base/events.ts';
import { LIST_SIZE_MAX_BYTES, type ListCache } from '../../policy/identity/revocation/distribution-points.ts';
import { makeDirectory } from '../directory.ts';

export class ListDirectory implements ListCache {
  readonly #directory: string;
  readonly #emit: Emit;
  #isFailing = false;

  constructor(directory: string, emit: Emit) {
    this.#directory = directory;
    this.#emit = emit;
  }

  /** Whatever is in the file is read as if it came from the server. */
  async load(url: string): Promise<Uint8Array | undefined> {
    try {
      const file = await open(this.#fileOf(url), 'r');
      try {
        const { size } = await file.stat();
        return size > LIST_SIZE_MAX_BYTES ? undefined : await file.readFile();
      } finally {
        await file.close();
      }
    } catch {
      // Most often there is none yet; and one that cannot be read is fetched anew.
      return undefined;
    }
  }

  async store(url: string, der: Uint8Array): Promise<void> {
    const file = this.#fileOf(url);
    const beside = `${file}.${process.pid}.new`;
    try {
      await makeDirectory(this.#directory, 0o700);
      const opened = await open(beside, 'w', 0o600);
      try {
        await opened.writeFile(der);
        await opened.sync();
      } finally {
        await opened.close();
      }
      await rename(beside, file);
      if (this.#isFailing) this.#emit({ name: 'storage.recovered', path: this.#directory });
      this.#isFailing = false;
    } catch (error) {
      this.#isFailing = true;
      const says = `a revocation list could not be kept (${(error as NodeJS.ErrnoException).code})`;
      this.#emit({ name: 'storage.failed', path: this.#directory, says });
      await rm(beside, { force: true }).catch(() => undefined);
    }
  }

  #fileOf(url: string): string {
    return path.join(this.#directory, `${createHash('sha256').update(url).digest('hex')}.crl`);
  }
}
