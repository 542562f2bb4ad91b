/** Reads the files that a configuration names, and waits for none of them: a pipe that nobody writes to would hold up a start for ever. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** With a code to be shown in place of the system's. */
class NotPlainError extends Error {
  override readonly name = 'NotPlainError';
  readonly code = 'it is not a plain file';
}

/** Rejects as `open` does, or with an error whose code says that this is a pipe or a device, which may never end. */
export async function openPlainFile(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = await handle.stat();
    // Of a directory, reading says what it is.
    if (facts.isFile() || facts.isDirectory()) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  throw new NotPlainError(`${path} is not a plain file`);
}

export async function readPlainFile(path: string): Promise<Buffer> {
  const handle = await openPlainFile(path);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** What is not UTF-8 in it is replaced. */
export async function readPlainText(path: string): Promise<string> {
  return (await readPlainFile(path)).toString('utf8');
}
