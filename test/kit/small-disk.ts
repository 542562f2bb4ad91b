/** A disk of a few megabytes, to be filled and made read-only: a tmpfs of the test's own. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

const CHUNK = Buffer.alloc(4096);

function mount(...args: string[]): boolean {
  return spawnSync('mount', args).status === 0;
}

export class SmallDisk {
  readonly directory: string;
  readonly #filler: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.#filler = path.join(directory, 'filler');
  }

  /** Undefined where mounting is not allowed. It is unmounted after the test, and at the latest when this process ends. */
  static make(t: Pick<TestContext, 'after'>, sizeBytes: number): SmallDisk | undefined {
    const directory = mkdtempSync(path.join(tmpdir(), 'sallyport-disk-'));
    let isMounted = mount('-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'tmpfs', directory);
    const unmount = (): void => {
      if (isMounted) spawnSync('umount', ['--lazy', directory]);
      isMounted = false;
      rmdirSync(directory);
      process.off('exit', unmount);
    };
    if (!isMounted) {
      unmount();
      return undefined;
    }
    process.once('exit', unmount);
    t.after(unmount);
    return new SmallDisk(directory);
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
  const undo: (() => void)[] = [];
  const disk = SmallDisk.make({ after: (run) => void undo.push(run as () => void) }, 65_536);
  for (const step of undo) step();
  return disk === undefined ? 'no file system can be mounted here (it wants root)' : false;
})();
