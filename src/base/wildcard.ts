/** Names with `*` in them, which stands for any characters or none. */

/** In time proportional to the lengths multiplied at worst, and never more: no backtracking beyond the last `*`. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let at = 0;
  let patternAt = 0;
  /** Where to go on after the last `*`, with it standing for one character more. */
  let starAt = -1;
  let retryAt = 0;
  while (at < text.length) {
    if (pattern[patternAt] === '*') {
      starAt = patternAt++;
      retryAt = at;
    } else if (patternAt < pattern.length && pattern[patternAt] === text[at]) {
      patternAt++;
      at++;
    } else if (starAt !== -1) {
      patternAt = starAt + 1;
      at = ++retryAt;
    } else return false;
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}
