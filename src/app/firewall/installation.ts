/**
 * Loads the ruleset and takes it back. What was there before stays in the kernel as a dormant table until somebody confirms:
 * no file that another could change, and whoever reverts or confirms first does so in one transaction.
 */
import { OperatorError } from '../config/problem.ts';
import { loadedTables } from './loaded-tables.ts';
import type { RunNft } from './nft.ts';
import { type FirewallConfig, rulesetOf, TABLE, withoutTable } from './ruleset.ts';

const BEFORE = `${TABLE}_before_`;
const COMPARED = `${TABLE}_compared`;
const DORMANT = '\tflags dormant\n';

async function mustRun(run: RunNft, args: readonly string[], input?: string): Promise<string> {
  const outcome = await run(args, input);
  if (!outcome.ok) throw new OperatorError(`The firewall is as it was: ${outcome.says}.`);
  return outcome.stdout;
}

async function tableNames(run: RunNft): Promise<readonly string[]> {
  const tables = await loadedTables(run);
  if ('says' in tables) throw new OperatorError(`The firewall cannot be read: ${tables.says}.`);
  return tables;
}

/** The same table under another name, asleep or awake. */
function renamed(text: string, from: string, to: string, isDormant: boolean): string {
  const head = `table inet ${from} {\n`;
  const at = text.indexOf(head);
  if (at === -1) throw new OperatorError(`The firewall is as it was: nft lists the table ${from} in an unknown form.`);
  const body = text.slice(at + head.length).replace(DORMANT, '');
  return `table inet ${to} {\n${isDormant ? DORMANT : ''}${body}`;
}

/** What was there before, under the name that says whose apply it waits for; empty where there was nothing. */
async function keptAside(run: RunNft, mark: string, names: readonly string[]): Promise<string> {
  const name = `${BEFORE}${mark}`;
  if (!names.includes(TABLE)) return `table inet ${name} {\n${DORMANT}}\n`;
  return renamed(await mustRun(run, ['list', 'table', 'inet', TABLE]), TABLE, name, true);
}

export interface ApplyOptions {
  readonly run: RunNft;
  readonly config: FirewallConfig;
  /** Starts who reverts unless it is confirmed, and gives the mark that it looks for; undefined where nobody has to confirm. */
  readonly watch?: () => Promise<string>;
}

/**
 * Checks the ruleset with `nft -c`, then loads it in one transaction.
 * @throws {OperatorError} and has changed nothing then.
 */
export async function applyRuleset({ run, config, watch }: ApplyOptions): Promise<void> {
  const text = `${withoutTable(TABLE)}${rulesetOf(config)}`;
  const names = await tableNames(run);
  const waiting = names.find((name) => name.startsWith(BEFORE));
  if (waiting !== undefined) {
    throw new OperatorError(
      'An apply waits to be confirmed: run `sallyport firewall confirm` or `sallyport firewall revert` first.',
    );
  }
  await mustRun(run, ['-c', '-f', '-'], text);
  const aside = watch === undefined ? '' : await keptAside(run, await watch(), names);
  await mustRun(run, ['-f', '-'], aside + text);
}

async function waitingName(run: RunNft): Promise<string | undefined> {
  return (await tableNames(run)).find((name) => name.startsWith(BEFORE));
}

/** @returns false where nothing waits. @throws {OperatorError} */
export async function confirmRuleset(run: RunNft): Promise<boolean> {
  const name = await waitingName(run);
  if (name === undefined) return false;
  await mustRun(run, ['-f', '-'], `delete table inet ${name}\n`);
  return true;
}

/**
 * Puts back what was there before an apply that waits; without one, takes our table away.
 * With a mark: only that apply, where it still waits.
 * @throws {OperatorError}
 */
export async function revertRuleset(run: RunNft, mark?: string): Promise<'restored' | 'removed' | 'nothing'> {
  const names = await tableNames(run);
  const name = names.find((known) => (mark === undefined ? known.startsWith(BEFORE) : known === `${BEFORE}${mark}`));
  if (name === undefined) {
    if (mark !== undefined || !names.includes(TABLE)) return 'nothing';
    await mustRun(run, ['-f', '-'], withoutTable(TABLE));
    return 'removed';
  }
  const kept = await mustRun(run, ['list', 'table', 'inet', name]);
  const wasLoaded = kept.includes('\tchain ');
  // The delete comes first: where somebody has confirmed meanwhile it fails, and the whole transaction with it.
  const back = wasLoaded ? renamed(kept, name, TABLE, false) : '';
  await mustRun(run, ['-f', '-'], `delete table inet ${name}\n${withoutTable(TABLE)}${back}`);
  return wasLoaded ? 'restored' : 'removed';
}

export interface Drift {
  readonly isLoaded: boolean;
  /** An apply that nobody has confirmed. */
  readonly isWaiting: boolean;
  /** Lines that the configuration wants and the kernel does not have, and the other way round, in nft's own words. */
  readonly missing: readonly string[];
  readonly surplus: readonly string[];
}

/** In nft's own form, without counters and without what sets hold: bans come and go. */
async function listed(run: RunNft, table: string): Promise<string[]> {
  const text = await mustRun(run, ['-s', '-t', 'list', 'table', 'inet', table]);
  return renamed(text, table, TABLE, false)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

/**
 * Compares what is loaded with what the configuration says. Each version of nft has a form of its own, so what is wanted goes
 * through the kernel too, for a moment and asleep.
 * @throws {OperatorError} where that cannot be told.
 */
export async function verifyRuleset(run: RunNft, config: FirewallConfig): Promise<Drift> {
  const names = await tableNames(run);
  const isLoaded = names.includes(TABLE);
  const isWaiting = names.some((name) => name.startsWith(BEFORE));
  const asleep = renamed(rulesetOf(config), TABLE, COMPARED, true);
  await mustRun(run, ['-f', '-'], `${withoutTable(COMPARED)}${asleep}`);
  let wanted: string[];
  try {
    wanted = await listed(run, COMPARED);
  } finally {
    await run(['-f', '-'], withoutTable(COMPARED));
  }
  const loaded = isLoaded ? await listed(run, TABLE) : [];
  const [missing, surplus] = [without(wanted, loaded), without(loaded, wanted)];
  if (missing.length === 0 && surplus.length === 0 && wanted.join('\n') !== loaded.join('\n')) {
    return { isLoaded, isWaiting, missing: wanted, surplus: loaded };
  }
  return { isLoaded, isWaiting, missing, surplus };
}
