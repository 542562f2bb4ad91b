/**
 * Whether files have changed since they were looked at. They are asked again and again, not subscribed to: a path that is not there yet, a
 * link, a file that is replaced and one on another mount are all the same to it.
 */
import type { AuditedSystem } from '../system/audited-system.ts';

const PATHS_MAX = 20_000;
/** The kernel's own: they change by being looked at. */
const NO_FILES = /^\/(?:proc|sys|dev)(?:\/|$)/;
/** What has changed at so many audits in a row, such as a log, would have us audit for ever: it is left to the schedule. */
const RESTLESS_AFTER = 10;
/** A row ends where nothing was changed for so long: who edits a file ten times in a day is no log. */
const ROW_BREAK_MS = 60_000;
/** Times of files are coarser than the clock. */
const TIME_GRAIN_MS = 20;

/** Of a path whose state before the audit is not known, and which counts as changed. */
const CHANGED_MEANWHILE = 'changed meanwhile';

export interface PathState {
  readonly path: string;
  /** Kind, size and times; opaque. */
  readonly state: string;
}

export class PathWatch {
  #states = new Map<string, string>();
  readonly #streaks = new Map<string, number>();
  #notedMs = Number.NEGATIVE_INFINITY;
  readonly #restless = new Set<string>();
  /** How many paths found no room. */
  leftOut = 0;

  /**
   * From now on these are watched. `sinceMs` is when the audit that asked for them began, epoch: what has changed since then may have been
   * read before it changed.
   */
  async follow(system: AuditedSystem, paths: readonly string[], sinceMs: number): Promise<void> {
    const wanted = [...new Set(paths)].filter((path) => !NO_FILES.test(path) && !this.#restless.has(path));
    this.leftOut = Math.max(0, wanted.length - PATHS_MAX);
    const entries = wanted.slice(0, PATHS_MAX).map(async (path) => {
      const { state, changedMs } = await stateOf(system, path);
      return [path, changedMs >= sinceMs - TIME_GRAIN_MS ? CHANGED_MEANWHILE : state] as const;
    });
    this.#states = new Map(await Promise.all(entries));
  }

  /** What has changed since it was followed or accepted, as it is now. */
  async changed(system: AuditedSystem): Promise<PathState[]> {
    const asked = [...this.#states].map(async ([path, before]): Promise<PathState[]> => {
      const { state } = await stateOf(system, path);
      return state === before ? [] : [{ path, state }];
    });
    return (await Promise.all(asked)).flat();
  }

  /** These are changes no longer. */
  accept(changes: readonly PathState[]): void {
    for (const { path, state } of changes) this.#states.set(path, state);
  }

  /**
   * Told of the changes that an audit was made for, at `nowMs` of the monotonic clock; gives back the paths that are not watched any
   * longer, until `rest`.
   */
  noteAudit(changes: readonly PathState[], nowMs: number): string[] {
    if (nowMs - this.#notedMs > ROW_BREAK_MS) this.#streaks.clear();
    this.#notedMs = nowMs;
    const now = new Set(changes.map(({ path }) => path));
    for (const path of [...this.#streaks.keys()]) if (!now.has(path)) this.#streaks.delete(path);
    const given: string[] = [];
    for (const path of now) {
      const streak = (this.#streaks.get(path) ?? 0) + 1;
      this.#streaks.set(path, streak);
      if (streak < RESTLESS_AFTER || this.#restless.size >= PATHS_MAX) continue;
      this.#restless.add(path);
      given.push(path);
    }
    return given;
  }

  /** What was given up is watched again. */
  rest(): void {
    this.#restless.clear();
    this.#streaks.clear();
  }
}

async function stateOf(system: AuditedSystem, path: string): Promise<{ state: string; changedMs: number }> {
  const status = await system.status(path);
  if (status.state !== 'known') return { state: status.state, changedMs: 0 };
  const { kind, sizeBytes, modifiedMs, changedMs } = status.value;
  return { state: [kind, sizeBytes, modifiedMs, changedMs].join(' '), changedMs };
}
