/** "Did you mean …?": the known word that a misspelt one was probably meant to be. */

/** The nearest of `known`, at most a third of its letters away; undefined when none is near. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let nearestEdits = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const editsMax = Math.max(1, Math.floor(candidate.length / 3));
    // The cost below is the product of both lengths; a word of another length is too far off anyway.
    if (Math.abs(candidate.length - word.length) > editsMax) continue;
    const edits = countEdits(word.toLowerCase(), candidate.toLowerCase());
    if (edits <= editsMax && edits < nearestEdits) {
      nearest = candidate;
      nearestEdits = edits;
    }
  }
  return nearest;
}

/** What to say behind "there is no such …": the one that was meant, or else all that there are. */
export function nearestHint(word: string, known: readonly string[]): string {
  const meant = nearestWord(word, known);
  return meant === undefined ? `there are: ${known.join(', ')}.` : `did you mean ${meant}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
function countEdits(a: string, b: string): number {
  let twoBack: number[] = [];
  let oneBack = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = oneBack[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(oneBack[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        edits = Math.min(edits, twoBack[j - 2]! + 1);
      row.push(edits);
    }
    twoBack = oneBack;
    oneBack = row;
  }
  return oneBack[b.length]!;
}
