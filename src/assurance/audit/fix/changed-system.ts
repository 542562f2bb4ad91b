/** The audited system as it would be after some steps: what a plan is held against before anything is written. */
import { posix } from 'node:path';
import { type Fact, known, mapFact, unknown } from '../model/fact.ts';
import type { AuditedSystem, CommandOutput, FileStatus, ReadBounds } from '../system/audited-system.ts';
import type { FixStep, RulesetChange } from './fix-step.ts';

/** Programs that tell what the configuration is now, not what it would be. */
const TELL_OF_NOW: readonly string[] = ['sshd'];

export class ChangedSystem implements AuditedSystem {
  readonly isLive: boolean;
  readonly #base: AuditedSystem;
  readonly #texts = new Map<string, string>();
  readonly #modes = new Map<string, number>();
  readonly #rulesets: RulesetChange[] = [];

  constructor(base: AuditedSystem, steps: readonly Pick<FixStep, 'texts' | 'permissions' | 'kernel' | 'ruleset'>[]) {
    this.isLive = base.isLive;
    this.#base = base;
    for (const { texts, permissions, kernel, ruleset } of steps) {
      if (ruleset !== undefined) this.#rulesets.push(ruleset);
      for (const { path, after } of texts) this.#texts.set(path, after);
      for (const { path, after } of permissions) this.#modes.set(path, after.mode);
      for (const { name, after } of kernel) this.#texts.set(`/proc/sys/${name.replaceAll('.', '/')}`, `${after}\n`);
    }
  }

  async readText(path: string, bounds?: ReadBounds): Promise<Fact<string>> {
    const text = this.#texts.get(path);
    return text === undefined ? this.#base.readText(path, bounds) : known(text, path);
  }

  async readBytes(path: string, bounds?: ReadBounds): Promise<Fact<Buffer>> {
    const text = this.#texts.get(path);
    return text === undefined ? this.#base.readBytes(path, bounds) : known(Buffer.from(text), path);
  }

  async list(path: string): Promise<Fact<readonly string[]>> {
    const names = await this.#base.list(path);
    const made = [...this.#texts.keys()].filter((one) => posix.dirname(one) === path).map((one) => posix.basename(one));
    if (names.state === 'unknown' || made.length === 0) return names;
    const all = new Set([...(names.state === 'known' ? names.value : []), ...made]);
    return known([...all].sort(), path);
  }

  async status(path: string): Promise<Fact<FileStatus>> {
    const status = await this.#base.status(path);
    const mode = this.#modes.get(path);
    if (status.state === 'known' && mode !== undefined) return known({ ...status.value, mode }, path);
    const text = this.#texts.get(path);
    if (status.state !== 'absent' || text === undefined) return status;
    const made = {
      kind: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      sizeBytes: Buffer.byteLength(text),
      modifiedMs: 0,
      changedMs: 0,
    } as const;
    return known<FileStatus>(made, path);
  }

  readLink(path: string): Promise<Fact<string>> {
    return this.#base.readLink(path);
  }

  async run(command: string, args: readonly string[]): Promise<Fact<CommandOutput>> {
    if (TELL_OF_NOW.includes(command)) return unknown('stale', `${command} tells of what is, not of what would be.`);
    const told = await this.#base.run(command, args);
    if (command !== 'nft' || args[0] !== '-j' || this.#rulesets.length === 0) return told;
    return mapFact(told, (output) => ({ ...output, stdout: withRulesets(output.stdout, this.#rulesets) }));
  }
}

/** Tables that are replaced go out of the list, and what they would be comes in. */
function withRulesets(listed: string, changes: readonly RulesetChange[]): string {
  const itemsOf = (text: string): unknown[] => (JSON.parse(text) as { nftables: unknown[] }).nftables;
  try {
    let items = itemsOf(listed);
    for (const { table, listed: own } of changes)
      items = [...items.filter((item) => !isOfTable(item, table)), ...itemsOf(own)];
    return JSON.stringify({ nftables: items });
  } catch {
    // What was no ruleset before the change is none after it.
    return listed;
  }
}

function isOfTable(item: unknown, table: string): boolean {
  const [kind, value] = Object.entries(item ?? {})[0] ?? [];
  const { family, name, table: home } = (value ?? {}) as { family?: unknown; name?: unknown; table?: unknown };
  return family === 'inet' && (kind === 'table' ? name : home) === table;
}
