/**
 * Room for descriptors, made before anybody comes. Linux keeps a process's open files in a table that doubles when it is full, and a
 * process of several threads stands still for each doubling until all processors have been heard (some 10 to 20 ms): two or three
 * times in the first second of a flood, for everybody. A table never shrinks.
 */
import { closeSync, open as openFile, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { promisify } from 'node:util';
import { descriptorLimit } from './overload/measures.ts';

/** For four thousand connections that are passed on; each later doubling comes once in the life of a process. */
const WANTED = 8192;

function tableSize(): number {
  return Number(/^FDSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? 0);
}

/**
 * Resolves with the highest descriptor there is room for; undefined where the system has no such table. Never more than half of
 * what the process may have is open meanwhile, and all of it is closed again.
 */
export async function makeDescriptorRoom(wanted: number = WANTED): Promise<number | undefined> {
  const limit = process.platform === 'linux' ? descriptorLimit() : undefined;
  if (limit === undefined) return undefined;
  const upTo = Math.min(wanted, limit / 2);
  const opened: number[] = [];
  let highest = tableSize() - 1;
  try {
    while (highest < upTo - 1) {
      // The one that a full table has no room for is opened by a thread that nobody waits for.
      const isFull = Number.isInteger(Math.log2(highest + 1));
      highest = isFull ? await promisify(openFile)(devNull, 'r') : openSync(devNull, 'r');
      opened.push(highest);
    }
  } catch {
    // So many there are; it costs nothing but the standstill later.
  }
  for (const descriptor of opened) closeSync(descriptor);
  return highest;
}
