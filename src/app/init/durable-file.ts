/** Files that are there whole or not at all, whatever crashes in between. */
import { chown, link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes `content` beside `path`, on disk, under a name that nobody else uses. */
async function writeBeside(path: string, content: string | Uint8Array, mode: number): Promise<string> {
  const beside = `${path}.${process.pid}.new`;
  await rm(beside, { force: true });
  const file = await open(beside, 'wx', mode);
  try {
    try {
      await file.writeFile(content);
      // The process's umask may only take rights away; a key's mode must be exact all the same.
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // On a disk that is full, half a file would take what is left.
    await rm(beside, { force: true });
    throw error;
  }
  return beside;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Creates the file; false where there is one already, which is left as it is. */
export async function createFile(path: string, content: string | Uint8Array, mode: number): Promise<boolean> {
  const beside = await writeBeside(path, content, mode);
  try {
    await link(beside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(beside, { force: true });
  }
  await syncDirectory(path);
  return true;
}

/** Replaces the file in one step, owner and mode kept: a reader sees the old content or the new. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const { mode, uid, gid } = await stat(path);
  const beside = await writeBeside(path, content, mode & 0o777);
  try {
    // A file that root replaces must stay readable for the user that the gateway runs as.
    if (process.getuid?.() === 0) await chown(beside, uid, gid);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncDirectory(path);
}
