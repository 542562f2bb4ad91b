/** What to say where the system does not let this user at a file or a directory: which place it is, whose, who asks, and the cure. */
import { type Stats, statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';

export interface Asking {
  readonly todo: 'read' | 'write';
  /** What would have to be given to the user who asks; the path itself where it is absent. */
  readonly tree?: string;
  /** The user who asks; whoever this process is where it is absent. */
  readonly uid?: number;
}

export function isDenial(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'EACCES' || code === 'EPERM';
}

/**
 * A clause and its cure, without a full stop. The place is the path itself, or what is in its way: a directory above it that this
 * user may not enter, or may make nothing in.
 */
export function denialOf(path: string, { todo, tree = path, uid = process.geteuid?.() ?? 0 }: Asking): string {
  const wanted = resolve(path);
  const { place, owner, mode, isDirectory = false } = nearestSeen(wanted);
  const done = todo === 'read' ? 'reach' : 'make';
  const asks = `user ${uid} may not ${place === wanted ? `${todo} ${place}` : `${done} ${wanted} in ${place}`}`;
  if (owner === undefined) return `${asks}; run this as a user who may`;
  const facts = `${asks}, which belongs to user ${owner} and has the mode ${mode}`;
  if (owner === uid) return `${facts}: change that with chmod u+rwX ${place}`;
  // What is above may be everybody's: its owner stays.
  const isGiven = place === resolve(tree) || place.startsWith(resolve(tree) + sep);
  const chown = isDirectory || tree !== path ? 'chown -R' : 'chown';
  const cure = isGiven ? `give it to this one with ${chown} ${uid} ${resolve(tree)}` : 'name another place';
  return `${facts}: run this as user ${owner}, or ${cure}`;
}

interface SeenPlace {
  readonly place: string;
  /** Absent where not even the root can be looked at. */
  readonly owner?: number;
  readonly mode?: string;
  readonly isDirectory?: boolean;
}

/** The path, or the first above it that can be looked at. */
function nearestSeen(path: string): SeenPlace {
  for (let place = path; ; place = dirname(place)) {
    const facts = factsOf(place);
    if (facts !== undefined) {
      return { place, owner: facts.uid, mode: (facts.mode & 0o7777).toString(8), isDirectory: facts.isDirectory() };
    }
    if (place === dirname(place)) return { place };
  }
}

function factsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
