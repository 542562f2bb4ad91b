/** The audited system as a folder: `/` for this machine, or a mounted image or fixture, whose links cannot lead out of it. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { absent, type Fact, known, type Unknown, unknown } from '../model/fact.ts';
import type { AuditedSystem, CommandOutput, FileStatus, ReadBounds } from './audited-system.ts';

const SIZE_MAX_BYTES = 1024 * 1024;
const ENTRIES_MAX = 10_000;
const LINKS_MAX = 40;
const CHUNK_BYTES = 64 * 1024;

export type RunCommand = (command: string, args: readonly string[]) => Promise<Fact<CommandOutput>>;

export interface DirectorySystemOptions {
  /** `/` or the folder that stands for it. */
  readonly root: string;
  readonly runCommand: RunCommand;
}

/** What the error of a look means. */
function factOf(error: unknown, path: string): Fact<never> {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return absent(path);
    case 'EACCES':
    case 'EPERM':
      return unknown('permission-denied', `This user may not read ${path}.`);
    case 'ELOOP':
      return unknown('unreadable', `${path} leads round in a circle of symbolic links.`);
    default:
      return unknown('unreadable', `${path} could not be read (${code || String(error)}).`);
  }
}

function loop(): Error {
  return Object.assign(new Error('too many symbolic links'), { code: 'ELOOP' });
}

export class DirectorySystem implements AuditedSystem {
  readonly isLive: boolean;
  readonly #root: string;
  readonly #runCommand: RunCommand;
  /** Collectors ask for the same files and commands; they get the same answer, so that a run is of one moment. */
  readonly #answers = new Map<string, Promise<Fact<unknown>>>();
  readonly #asked = new Set<string>();

  constructor({ root, runCommand }: DirectorySystemOptions) {
    this.#root = root;
    this.isLive = root === '/';
    this.#runCommand = runCommand;
  }

  /** The same system, with nothing remembered. */
  fresh(): DirectorySystem {
    return new DirectorySystem({ root: this.#root, runCommand: this.#runCommand });
  }

  /** The paths that were asked for, whether or not they are there. */
  get askedFor(): readonly string[] {
    return [...this.#asked];
  }

  run(command: string, args: readonly string[]): Promise<Fact<CommandOutput>> {
    return this.#once(JSON.stringify([command, ...args]), () => this.#runCommand(command, args));
  }

  async readText(path: string, bounds: ReadBounds = {}): Promise<Fact<string>> {
    const bytes = await this.readBytes(path, bounds);
    if (bytes.state !== 'known') return bytes;
    try {
      return known(new TextDecoder('utf-8', { fatal: true }).decode(bytes.value), path);
    } catch {
      return unknown('unreadable', `${path} is not UTF-8 text.`);
    }
  }

  readBytes(path: string, { sizeMaxBytes = SIZE_MAX_BYTES }: ReadBounds = {}): Promise<Fact<Buffer>> {
    this.#asked.add(path);
    return this.#once(`read ${sizeMaxBytes} ${path}`, async () => {
      try {
        // Without blocking: a named pipe that nobody writes to would hold the audit for ever.
        const file = await open(await this.#resolve(path), constants.O_RDONLY | constants.O_NONBLOCK);
        try {
          return await readBounded(file, path, sizeMaxBytes);
        } finally {
          await file.close();
        }
      } catch (error) {
        return factOf(error, path);
      }
    });
  }

  list(path: string): Promise<Fact<readonly string[]>> {
    this.#asked.add(path);
    return this.#once(`list ${path}`, async () => {
      try {
        const names = await readdir(await this.#resolve(path));
        if (names.length > ENTRIES_MAX) return unknown('too-large', `${path} has more than ${ENTRIES_MAX} entries.`);
        return known(names.sort(), path);
      } catch (error) {
        return factOf(error, path);
      }
    });
  }

  status(path: string): Promise<Fact<FileStatus>> {
    this.#asked.add(path);
    return this.#once(`status ${path}`, async () => {
      try {
        const found = await stat(await this.#resolve(path));
        const kind = found.isFile()
          ? 'file'
          : found.isDirectory()
            ? 'directory'
            : found.isSocket()
              ? 'socket'
              : 'other';
        return known<FileStatus>(
          {
            kind,
            mode: found.mode & 0o7777,
            uid: found.uid,
            gid: found.gid,
            sizeBytes: found.size,
            modifiedMs: found.mtimeMs,
            changedMs: found.ctimeMs,
          },
          path,
        );
      } catch (error) {
        return factOf(error, path);
      }
    });
  }

  async readLink(path: string): Promise<Fact<string>> {
    try {
      const folder = await this.#resolve(posix.dirname(path));
      return known(await readlink(posix.join(folder, posix.basename(path))), path);
    } catch (error) {
      return factOf(error, path);
    }
  }

  /**
   * Where a path of the audited system is on this machine, links followed: the way to change it. Its folders and itself need not be there
   * yet.
   * @throws {Error} where links go round in a circle, or this user may not look.
   */
  async placeOf(path: string): Promise<string> {
    try {
      return this.isLive ? await realpath(path) : await this.#resolve(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || path === '/') throw error;
      return posix.join(await this.placeOf(posix.dirname(path)), posix.basename(path));
    }
  }

  async #once<T>(key: string, look: () => Promise<Fact<T>>): Promise<Fact<T>> {
    const before = this.#answers.get(key) as Promise<Fact<T>> | undefined;
    if (before !== undefined) return before;
    const answer = look();
    this.#answers.set(key, answer);
    return answer;
  }

  /** The real path of `path`. Below another root the links are walked by hand: the kernel would follow absolute ones out of it. */
  async #resolve(path: string): Promise<string> {
    if (this.isLive) return path;
    let done = '/';
    let links = 0;
    const left = path.split('/').filter((part) => part !== '');
    while (left.length > 0) {
      const part = left.shift()!;
      if (part === '.') continue;
      if (part === '..') {
        done = posix.dirname(done);
        continue;
      }
      const next = posix.join(done, part);
      const here = posix.join(this.#root, next);
      if ((await lstat(here)).isSymbolicLink()) {
        if (++links > LINKS_MAX) throw loop();
        const to = await readlink(here);
        if (to.startsWith('/')) done = '/';
        left.unshift(...to.split('/').filter((piece) => piece !== ''));
      } else done = next;
    }
    return posix.join(this.#root, done);
  }
}

async function readBounded(file: FileHandle, path: string, sizeMaxBytes: number): Promise<Fact<Buffer>> {
  const found = await file.stat();
  if (!found.isFile()) return unknown('unreadable', `${path} is not a regular file.`);
  const tooLarge = (): Unknown => unknown('too-large', `${path} has more than ${sizeMaxBytes} bytes.`);
  if (found.size > sizeMaxBytes) return tooLarge();
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  // Files of /proc have no size before they are read.
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return known(Buffer.concat(chunks, lengthBytes), path);
    lengthBytes += bytesRead;
    if (lengthBytes > sizeMaxBytes) return tooLarge();
    chunks.push(chunk.subarray(0, bytesRead));
  }
}
