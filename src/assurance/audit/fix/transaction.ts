/**
 * What was there before a fix, kept in a folder of its own until somebody throws it away: first written down, then changed, so that
 * whatever crashes in between can be put back.
 */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import {
  chmod,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { makeDirectory } from '../../../app/directory.ts';
import { runNft } from '../../../app/firewall/nft.ts';
import { createFile, replaceFile } from '../../../app/init/durable-file.ts';
import { digestOf, type KernelSetting, type RulesetChange } from './fix-step.ts';

const undoSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('text'),
    path: z.string(),
    /** Name of the copy in the folder; null where there was no file. */
    backup: z.string().nullable(),
    /** SHA-256 of what was written. */
    written: z.string(),
  }),
  z.strictObject({ kind: z.literal('folder'), path: z.string() }),
  z.strictObject({
    kind: z.literal('permissions'),
    path: z.string(),
    mode: z.int(),
    gid: z.int(),
    /** Mode that was set. */
    written: z.int(),
  }),
  z.strictObject({ kind: z.literal('kernel'), name: z.string().regex(/^[a-z][\w.]*$/), value: z.string() }),
  z.strictObject({
    kind: z.literal('ruleset'),
    /** Of family inet. */
    table: z.string().regex(/^[a-z_]{1,64}$/),
    /** Name of the copy in the folder; null where there was no such table. */
    backup: z.string().nullable(),
  }),
  z.strictObject({ kind: z.literal('reload'), what: z.enum(['sshd']) }),
]);
type Undo = z.infer<typeof undoSchema>;

const manifestSchema = z.strictObject({ version: z.literal(1), undo: z.array(undoSchema).max(10_000) });

const MANIFEST = 'manifest.json';
/** It is there as long as a fix waits to be confirmed; who takes it away decides. */
const PENDING = 'unconfirmed';
const OWN_MODE = 0o700;

export class Transaction {
  readonly folder: string;
  readonly #undo: Undo[] = [];
  /** How many copies were made: one that was rolled back keeps its name. */
  #backups = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** In a new folder below `place`. */
  static async begin(place: string, name: string): Promise<Transaction> {
    await makeDirectory(place, OWN_MODE);
    const folder = join(place, name);
    await mkdir(folder, { mode: OWN_MODE });
    const transaction = new Transaction(folder);
    await createFile(join(folder, MANIFEST), transaction.#text(), 0o600);
    return transaction;
  }

  /** @throws {Error} where the folder holds none, or others than this user could have written it. */
  static async load(folder: string): Promise<Transaction> {
    const found = await lstat(folder);
    const isOwn = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
    if (!isOwn) throw new Error(`${folder} is no folder that only this user may write to`);
    const transaction = new Transaction(folder);
    transaction.#undo.push(...readUndo(await readFile(join(folder, MANIFEST), 'utf8')));
    return transaction;
  }

  /** Where the undo list was as long as now: `rollBack` goes back to it. */
  get mark(): number {
    return this.#undo.length;
  }

  /** Creates or replaces a file, mode and owner kept; `before` is what it must still hold. */
  async writeText(path: string, before: string | undefined, after: string): Promise<void> {
    const found = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if ((found === undefined ? undefined : digestOf(found)) !== (before === undefined ? undefined : digestOf(before)))
      throw new Error(`${path} has changed since the plan was made`);
    const written = digestOf(after);
    if (found === undefined) {
      await this.#makeFolders(dirname(path));
      await this.#note({ kind: 'text', path, backup: null, written });
      if (!(await createFile(path, after, 0o644))) throw new Error(`${path} has appeared meanwhile`);
      return;
    }
    const backup = `${this.#backups++}.backup`;
    const { mode, uid, gid } = await stat(path);
    await writeFile(join(this.folder, backup), found, { mode: 0o600, flag: 'wx' });
    await this.#note({ kind: 'text', path, backup, written });
    await replaceFile(path, after);
    const now = await stat(path);
    if (now.uid !== uid || now.gid !== gid || now.mode !== mode) throw new Error(`${path} did not keep owner and mode`);
  }

  async setPermissions(
    path: string,
    before: { mode: number; gid: number },
    after: { mode: number; gid: number },
  ): Promise<void> {
    await withFile(path, async (file) => {
      const { mode, uid, gid } = await file.stat();
      if ((mode & 0o7777) !== before.mode || gid !== before.gid)
        throw new Error(`the permissions of ${path} have changed since the plan was made`);
      await this.#note({ kind: 'permissions', path, ...before, written: after.mode });
      // The mode comes last: a change of group may take bits away.
      if (after.gid !== gid) await file.chown(uid, after.gid);
      await file.chmod(after.mode);
    });
  }

  async setKernel({ name, before, after }: KernelSetting): Promise<void> {
    await this.#note({ kind: 'kernel', name, value: before });
    await setSysctl(name, after);
  }

  /** Replaces a table of the packet filter in one transaction of nft. */
  async loadRuleset({ table, text }: RulesetChange): Promise<void> {
    const listed = await runNft(['list', 'table', 'inet', table]);
    if (!listed.ok && !listed.isAbsent) throw new Error(listed.says);
    const backup = listed.ok ? `${this.#backups++}.backup` : null;
    if (listed.ok) await writeFile(join(this.folder, backup!), listed.stdout, { mode: 0o600, flag: 'wx' });
    await this.#note({ kind: 'ruleset', table, backup });
    const loaded = await runNft(['-f', '-'], text);
    if (!loaded.ok) throw new Error(loaded.says);
  }

  async reloadSshd(): Promise<boolean> {
    await this.#note({ kind: 'reload', what: 'sshd' });
    return reloadSshd();
  }

  /** What could not be put back, one sentence each. A file that somebody has changed since is left alone. */
  async rollBack(mark = 0): Promise<string[]> {
    const problems: string[] = [];
    // A reload comes after the files that it reads are back.
    const undone = this.#undo.slice(mark).reverse();
    for (const undo of [
      ...undone.filter(({ kind }) => kind !== 'reload'),
      ...undone.filter(({ kind }) => kind === 'reload'),
    ]) {
      try {
        const problem = await this.#putBack(undo);
        if (problem !== undefined) problems.push(problem);
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
    this.#undo.length = mark;
    await this.#save();
    return problems;
  }

  async #putBack(undo: Undo): Promise<string | undefined> {
    switch (undo.kind) {
      case 'text': {
        const now = await readFile(undo.path).catch(() => undefined);
        const backup = undo.backup === null ? undefined : await readFile(join(this.folder, undo.backup), 'utf8');
        // Noted, but never written.
        if (now !== undefined && backup !== undefined && digestOf(now) === digestOf(backup)) return undefined;
        if (now === undefined && backup === undefined) return undefined;
        if (now === undefined || digestOf(now) !== undo.written)
          return `${undo.path} was changed by somebody else meanwhile, and is left as it is`;
        if (backup === undefined) await unlink(undo.path);
        else await replaceFile(undo.path, backup);
        return undefined;
      }
      case 'folder':
        await rmdir(undo.path).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
        });
        return undefined;
      case 'permissions':
        return withFile(undo.path, async (file) => {
          const { mode, uid, gid } = await file.stat();
          if ((mode & 0o7777) !== undo.written && (mode & 0o7777) !== undo.mode)
            return `the permissions of ${undo.path} were changed by somebody else meanwhile, and are left as they are`;
          if (gid !== undo.gid) await file.chown(uid, undo.gid);
          await file.chmod(undo.mode);
          return undefined;
        });
      case 'kernel':
        await setSysctl(undo.name, undo.value);
        return undefined;
      case 'ruleset': {
        const before = undo.backup === null ? '' : await readFile(join(this.folder, undo.backup), 'utf8');
        // It is declared first so that the removal of one that is gone already is no failure.
        const text = `table inet ${undo.table}\ndelete table inet ${undo.table}\n${before}`;
        const restored = await runNft(['-f', '-'], text);
        return restored.ok ? undefined : restored.says;
      }
      case 'reload':
        return (await reloadSshd()) ? undefined : 'sshd could not be reloaded';
    }
  }

  async #makeFolders(path: string): Promise<void> {
    if ((await stat(path).catch(() => undefined)) !== undefined) return;
    await this.#makeFolders(dirname(path));
    await this.#note({ kind: 'folder', path });
    await mkdir(path, { mode: 0o755 });
    await chmod(path, 0o755);
  }

  async #note(undo: Undo): Promise<void> {
    this.#undo.push(undo);
    await this.#save();
  }

  #text(): string {
    return `${JSON.stringify({ version: 1, undo: this.#undo }, null, 2)}\n`;
  }

  #save(): Promise<void> {
    return replaceFile(join(this.folder, MANIFEST), this.#text());
  }

  /** From now on it is reverted unless it is confirmed. */
  async waitForConfirmation(): Promise<void> {
    await createFile(join(this.folder, PENDING), '', 0o600);
  }

  /** Takes the decision; false where it was taken before, or never had to be. Only one of a revert and a confirmation gets it. */
  async decide(): Promise<boolean> {
    const taken = join(this.folder, `${PENDING}.taken`);
    try {
      await rename(join(this.folder, PENDING), taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    await rm(taken, { force: true });
    return true;
  }
}

/** @throws {Error} in one sentence. */
function readUndo(text: string): readonly Undo[] {
  try {
    return manifestSchema.parse(JSON.parse(text)).undo;
  } catch {
    throw new Error(`its ${MANIFEST} is none that \`audit fix apply\` has written`);
  }
}

/** Without following a link that somebody put there meanwhile. */
async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

const run = promisify(execFile);
const SYSTEM = { env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, cwd: '/', timeout: 20_000 } as const;

async function setSysctl(name: string, value: string): Promise<void> {
  // A part of a name may hold a dot only where it is written with slashes; none of ours does.
  await writeFile(`/proc/sys/${name.replaceAll('.', '/')}`, `${value}\n`).catch((error: Error) => {
    throw new Error(`${name} could not be set: ${error.message}`);
  });
}

/** True where it was reloaded, or none runs. */
async function reloadSshd(): Promise<boolean> {
  const hasSystemd = (await stat('/run/systemd/system').catch(() => undefined)) !== undefined;
  if (hasSystemd) {
    for (const unit of ['ssh', 'sshd']) {
      const isDone = await run('systemctl', ['reload-or-try-restart', unit], SYSTEM).then(
        () => true,
        () => false,
      );
      if (isDone) return true;
    }
    return false;
  }
  const pid = Number(await readFile('/run/sshd.pid', 'utf8').catch(() => ''));
  if (!(Number.isInteger(pid) && pid > 1)) return true;
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  if (name.trim() !== 'sshd') return true;
  process.kill(pid, 'SIGHUP');
  return true;
}
