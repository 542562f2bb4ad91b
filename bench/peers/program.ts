/** Starts a peer's program and waits until it listens; one that is not installed is named with its package. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Program } from '../../test/kit/process.ts';
import { NotHere } from './peer.ts';

/** Debian keeps servers where an ordinary user's path does not lead. */
const FURTHER_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

export function pathOf(command: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...FURTHER_FOLDERS];
  return folders
    .map((folder) => join(folder, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export async function startProgram(
  command: string,
  debianPackage: string,
  args: readonly string[],
  ports: readonly number[],
): Promise<{ pid: number; stop: () => Promise<void> }> {
  const path = pathOf(command);
  if (path === undefined) throw new NotHere(`${command} is not installed (Debian: ${debianPackage})`);
  const program = await Program.start(path, args, ports);
  return { pid: program.child.pid!, stop: () => program.end() };
}
