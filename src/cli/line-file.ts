/** Files with a line for each user, as commands change them: whole or not at all, and for the owner alone. */
import { lstat, realpath } from 'node:fs/promises';
import { OperatorError } from '../app/config/problem.ts';
import { createFile, replaceFile } from '../app/init/durable-file.ts';
import { readPlainFile } from '../app/plain-file.ts';
import { textOf } from '../app/text-file.ts';
import { FileFaultError } from '../base/file-fault.ts';

const FILE_MODE = 0o600;

export interface LineFile {
  readonly path: string;
  /** Such as `password file`. */
  readonly what: string;
}

/** Undefined where there is no such file. */
export async function readLineFile({ path, what }: LineFile): Promise<string | undefined> {
  try {
    return textOf(await readPlainFile(path), path);
  } catch (error) {
    if (error instanceof FileFaultError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new OperatorError(`The ${what} ${path} cannot be read: ${message}.`);
  }
}

export async function writeLineFile({ path, what }: LineFile, text: string, isNew: boolean): Promise<void> {
  try {
    if (!isNew) await replaceFile(await realpath(path), text);
    else if (!(await createFile(path, text, FILE_MODE))) throw new OperatorError(await inTheWay(path));
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The ${what} ${path} cannot be written: ${(error as Error).message}.`);
  }
}

async function inTheWay(path: string): Promise<string> {
  const facts = await lstat(path).catch(() => undefined);
  if (facts?.isSymbolicLink() === true)
    return `${path} is a link to a file that is not there: make that file, or remove the link.`;
  return `${path} has just been made by somebody else; try again.`;
}
