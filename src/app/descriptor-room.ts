/**
 * Room for descriptors, made before anybody comes. Linux keeps a process's open files in a table that doubles when it is full, and a
 * process of several threads stands still for each doubling until all processors have been heard (some 10 to 20 ms): two or three
 * times in the first second of a flood, for everybody. A table never shrinks.
 */
import { closeSync, openSync, open as openWithCallback } from 'node:fs';
import { devNull } from 'node:os';
import { promisify } from 'node:util';
import { descriptorLimit, descriptorTableSize } from './overload/measures.ts';

/** For four thousand connections that are passed on; each later doubling comes once in the life of a process. */
const WANTED = 8192;

const open = promisify(openWithCallback);

/**
 * Resolves with the highest descriptor there is room for; undefined where the system has no such table. Never more than half of
 * what the process may have is open meanwhile, and all of it is closed again.
 */
export async function makeDescriptorRoom(wanted: number = WANTED): Promise<number | undefined> {
  const [limit, slots] = [descriptorLimit(), descriptorTableSize()];
  if (limit === undefined || slots === undefined) return undefined;
  const upTo = Math.min(wanted, limit / 2);
  const opened: number[] = [];
  let highest = slots - 1;
  try {
    while (highest < upTo - 1) {
      // The one that a full table has no room for is opened by a thread that nobody waits for.
      const isFull = Number.isInteger(Math.log2(highest + 1));
      highest = isFull ? await open(devNull, 'r') : openSync(devNull, 'r');
      opened.push(highest);
    }
  } catch {
    // So many there are; it costs nothing but the standstill later.
  }
  for (const descriptor of opened) closeSync(descriptor);
  return highest;
}
