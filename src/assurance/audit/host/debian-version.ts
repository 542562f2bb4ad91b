/** Compares versions of Debian packages as dpkg does: epoch, upstream version, revision (deb-version(7)). */

interface Parts {
  readonly epoch: number;
  readonly upstream: string;
  readonly revision: string;
}

function partsOf(version: string): Parts {
  const colon = version.indexOf(':');
  const epoch = colon === -1 ? 0 : Number(version.slice(0, colon));
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: Number.isNaN(epoch) ? 0 : epoch,
    upstream: dash === -1 ? rest : rest.slice(0, dash),
    revision: dash === -1 ? '' : rest.slice(dash + 1),
  };
}

/** `~` sorts before the end, the end before letters, letters before the rest. */
function orderOf(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

function compareRuns(a: string, b: string): number {
  let [i, j] = [0, 0];
  const isDigit = (character: string | undefined): boolean =>
    character !== undefined && character >= '0' && character <= '9';
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const difference = orderOf(isDigit(a[i]) ? undefined : a[i]) - orderOf(isDigit(b[j]) ? undefined : b[j]);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const [startA, startB] = [i, j];
    while (isDigit(a[i])) i++;
    while (isDigit(b[j])) j++;
    const [digitsA, digitsB] = [a.slice(startA, i), b.slice(startB, j)].map((digits) => digits.replace(/^0+/, ''));
    const difference = digitsA!.length - digitsB!.length;
    if (difference !== 0) return difference;
    if (digitsA !== digitsB) return digitsA! < digitsB! ? -1 : 1;
  }
  return 0;
}

/** Negative where `a` is older than `b`, 0 where they are the same. */
export function compareDebianVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  return (
    left.epoch - right.epoch || compareRuns(left.upstream, right.upstream) || compareRuns(left.revision, right.revision)
  );
}
