/** What a process has cost, from /proc: processor time of all its threads, and resident memory. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports processor time in hundredths of a second on every platform. */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

/** User and system time of the processes together. */
export function processorMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces; fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_MS;
}

export function residentBytes(pids: readonly number[]): number {
  let pages = 0;
  for (const pid of pids) pages += Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
  return pages * PAGE_BYTES;
}

/** A process and those that descend from it. */
export function familyOf(pid: number): number[] {
  const family = [pid];
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').trim();
    if (children === '') continue;
    for (const child of children.split(' ')) family.push(...familyOf(Number(child)));
  }
  return family;
}

/** Processes that want a processor, averaged over the last minute. */
export function loadAverage(): number {
  return Number(readFileSync('/proc/loadavg', 'latin1').split(' ')[0]);
}

/** Of all processors together, what the machine underneath gave to others while somebody here wanted to run. */
export function stolenMs(): number {
  return Number(readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/ +/)[8]) * TICK_MS;
}
