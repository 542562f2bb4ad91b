/** Makes directories with those above them, and never waits for what cannot be: the runtime's own way loops for ever where a parent takes none, as in /proc. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { OperatorError } from './config/problem.ts';

/** The place itself is wrong; no right and no space would help. */
export class DirectoryPlaceError extends OperatorError {
  /** Of the system. */
  readonly code: string;

  constructor(code: string, says: string) {
    super(says);
    this.code = code;
  }
}

/**
 * All that are missing, each with this mode; `what` is what errors call it.
 * @throws {DirectoryPlaceError} where something else is there, or no directory can be; else rejects with the system's error.
 */
export async function makeDirectory(path: string, mode: number, what = 'directory'): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await isDirectory(at)); at = dirname(at)) missing.push(at);
  for (const one of missing.reverse()) {
    try {
      await mkdir(one, { mode });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const says = `The ${what} ${path} cannot be made`;
      if (code === 'ENOENT')
        throw new DirectoryPlaceError(code, `${says}: ${dirname(one)} takes no new ones. Name another place.`);
      if (code !== 'EEXIST') throw error;
      // Somebody else may have made it meanwhile.
      if (await isDirectory(one)) continue;
      throw new DirectoryPlaceError(
        code,
        `${says}: ${one} is something else, such as a file or a link to what is not there. Name another place, or move that away.`,
      );
    }
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}
