/** Which tables of ours the kernel holds: the ruleset, and what was there before one that nobody has confirmed yet. */
import type { RunNft } from './nft.ts';

export interface LoadedTable {
  readonly name: string;
  /** Another one for each time that it was loaded. */
  readonly handle: number;
}

/** @returns all tables of the family inet, or a sentence that says why they are not known. */
export async function loadedTables(run: RunNft): Promise<readonly LoadedTable[] | string> {
  const listed = await run(['-j', 'list', 'tables', 'inet']);
  if (!listed.ok) return listed.says;
  const { nftables } = JSON.parse(listed.stdout) as { nftables: readonly { readonly table?: LoadedTable }[] };
  return nftables.flatMap(({ table }) => (table === undefined ? [] : [table]));
}
