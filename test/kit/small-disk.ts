/** A disk of a few megabytes, to be filled and made read-only: a tmpfs of the test's own. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const CHUNK = Buffer.alloc(4096);

function mount(...args: string[]): boolean {
  return spawnSync('mount', args).status === 0;
}

export class SmallDisk {
  readonly directory: string;
  readonly #filler: string;

  readonly unmount: () => void;

  private constructor(directory: string, unmount: () => void) {
    this.directory = directory;
    this.#filler = path.join(directory, 'filler');
    this.unmount = unmount;
  }

  /** Undefined where mounting is not allowed. It is unmounted when this process ends, if nobody does it before. */
  static make(sizeBytes: number): SmallDisk | undefined {
    const directory = mkdtempSync(path.join(tmpdir(), 'sallyport-disk-'));
    const unmount = (): void => {
      process.off('exit', unmount);
      spawnSync('umount', ['--lazy', directory]);
      rmdirSync(directory);
    };
    if (mount('-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'tmpfs', directory)) {
      process.once('exit', unmount);
      return new SmallDisk(directory, unmount);
    }
    rmdirSync(directory);
    return undefined;
  }

  /** To the last byte. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    try {
      for (;;) writeSync(file, CHUNK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#filler);
  }

  makeReadOnly(): void {
    mount('-o', 'remount,ro', this.directory);
  }
}

/** For tests that need one: why they are skipped, or false. */
export const withoutSmallDisks: string | false = (() => {
  const disk = SmallDisk.make(65_536);
  disk?.unmount();
  return disk === undefined ? 'no file system can be mounted here (it wants root)' : false;
})();
