/** What can run out: the turn of the event loop, memory, heap, file descriptors, room in the queues to brokers. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

export type MeasureName = 'eventLoopDelay' | 'memory' | 'heap' | 'descriptors' | 'upstreamQueue';

/** Amounts are in milliseconds, bytes or numbers, by the measure. */
export interface Reading {
  readonly measure: MeasureName;
  readonly value: number;
  readonly limit: number;
}

export interface Measures {
  /** Each once, as of now; what cannot be told here is left out. */
  read(): Reading[];
  close(): void;
}

export interface MeasureLimits {
  readonly eventLoopDelayMaxMs: number;
  /** Resident; undefined is what the system gives. */
  readonly memoryMaxBytes: number | undefined;
  /** Undefined is what the system gives. */
  readonly descriptorsMax: number | undefined;
  readonly upstreamQueueMaxBytes: number;
}

/** Of what the system gives, the gateway takes so much: the rest is the kernel's, for the sockets' own buffers. */
const MEMORY_SHARE = 0.8;
/** How often the delay is looked at; it is what the histogram cannot see below. */
const RESOLUTION_MS = 20;
const NANOSECONDS_PER_MS = 1e6;
/** Nine of ten looks of the last sample were served sooner: a single pause for garbage does not count. */
const DELAY_PERCENTILE = 90;
const CGROUP_LIMITS = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

export function systemMeasures(
  limitsOf: () => MeasureLimits,
  upstreamQueueBytes: () => number,
  processes: number,
): Measures {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const memoryGivenBytes = (MEMORY_SHARE * memoryOfSystem()) / processes;
  const descriptorsGiven = descriptorLimit();
  const eventLoopDelay = (limit: number): Reading => {
    const seenMs = histogram.percentile(DELAY_PERCENTILE) / NANOSECONDS_PER_MS;
    histogram.reset();
    return { measure: 'eventLoopDelay', value: Math.max(0, seenMs - RESOLUTION_MS), limit };
  };
  return {
    read() {
      const limits = limitsOf();
      const heap = getHeapStatistics();
      const memoryMax = limits.memoryMaxBytes === undefined ? memoryGivenBytes : limits.memoryMaxBytes / processes;
      const readings: Reading[] = [
        eventLoopDelay(limits.eventLoopDelayMaxMs),
        { measure: 'memory', value: process.memoryUsage.rss(), limit: memoryMax },
        { measure: 'heap', value: heap.used_heap_size, limit: heap.heap_size_limit },
        { measure: 'upstreamQueue', value: upstreamQueueBytes(), limit: limits.upstreamQueueMaxBytes },
      ];
      const descriptors = descriptorCount();
      const descriptorsMax = limits.descriptorsMax ?? descriptorsGiven;
      if (descriptors !== undefined && descriptorsMax !== undefined) {
        readings.push({ measure: 'descriptors', value: descriptors, limit: descriptorsMax });
      }
      return readings;
    },
    close() {
      histogram.disable();
    },
  };
}

/** The host's, or what the control group of this process may have of it. */
export function memoryOfSystem(files: readonly string[] = CGROUP_LIMITS, hostBytes: number = totalmem()): number {
  let bytes = hostBytes;
  for (const file of files) {
    try {
      const limit = Number(readFileSync(file, 'latin1').trim());
      // `max`, or a number beyond all memory, is no limit.
      if (limit > 0 && limit < bytes) bytes = limit;
    } catch {
      // The other version of control groups, or none.
    }
  }
  return bytes;
}

/** Undefined where the system does not tell. */
export function descriptorLimit(file = '/proc/self/limits'): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(file, 'latin1'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Slots of the kernel's table of open files, used or not; undefined where the system does not tell. */
export function descriptorTableSize(file = '/proc/self/status'): number | undefined {
  try {
    const slots = /^FDSize:\s+(\d+)/m.exec(readFileSync(file, 'latin1'))?.[1];
    return slots === undefined ? undefined : Number(slots);
  } catch {
    return undefined;
  }
}

/** Undefined where the system does not tell. */
export function descriptorCount(directory = '/proc/self/fd'): number | undefined {
  try {
    // Since Linux 6.2 the directory's size is their number; before, they have to be counted.
    return statSync(directory).size || readdirSync(directory).length;
  } catch {
    return undefined;
  }
}
