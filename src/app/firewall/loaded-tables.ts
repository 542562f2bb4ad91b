/**
 * Which tables of ours the kernel holds: the ruleset, and what was there before one that nobody has confirmed yet. Asked for as
 * text and not as JSON: nft 1.0.6 corrupts its memory over tables that are dormant.
 */
import type { RunNft } from './nft.ts';

/** @returns names of all tables of the family inet, or a sentence in `says` that tells why they are not known. */
export async function loadedTables(run: RunNft): Promise<readonly string[] | { readonly says: string }> {
  const listed = await run(['list', 'tables', 'inet']);
  if (!listed.ok) return { says: listed.says };
  return [...listed.stdout.matchAll(/^table inet (\S+)$/gm)].map((match) => match[1]!);
}

/** @returns the table's handle, another one for each time that it was loaded; undefined where it is not; or why that is not known. */
export async function handleOf(run: RunNft, name: string): Promise<number | undefined | { readonly says: string }> {
  const listed = await run(['-a', '-t', 'list', 'table', 'inet', name]);
  if (!listed.ok) return listed.isAbsent ? undefined : { says: listed.says };
  const handle = /^table inet \S+ \{ # handle (\d+)$/m.exec(listed.stdout)?.[1];
  return handle === undefined ? { says: `nft lists the table ${name} in an unknown form` } : Number(handle);
}
