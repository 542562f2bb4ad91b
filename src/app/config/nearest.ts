/** "Did you mean …?": the known name that a mistyped one is nearest to. */

/** Edits (insert, delete, replace, swap of neighbours) between two names; names are short, so the plain table will do. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) edits = Math.min(edits, beforeLast[column - 2]! + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}

/** Letters only, in lower case: `keep_alive_max` and `keepalivemax` are the same wish. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

const NAME_LENGTH_MAX = 64;

/** The nearest of `known`, or undefined where none is near enough to be what was meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = plain(name.slice(0, NAME_LENGTH_MAX));
  if (wanted === '') return undefined;
  let best: string | undefined;
  let bestEdits = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const offered = plain(candidate);
    const edits = distance(wanted, offered);
    const edge = Math.max(1, Math.floor(Math.max(wanted.length, offered.length) / 3));
    if (edits <= edge && edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}
