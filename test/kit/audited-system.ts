/** An audited system out of a table: files, and the outputs of commands, as a fixture tells them. */
import { posix } from 'node:path';
import { NOTHING_DECLARED } from '../../src/assurance/audit/audit-file/schema.ts';
import { absent, type Fact, known, type UnknownReason, unknown } from '../../src/assurance/audit/model/fact.ts';
import type { AuditContext } from '../../src/assurance/audit/model/subject.ts';
import type { AuditedSystem, CommandOutput, FileStatus } from '../../src/assurance/audit/system/audited-system.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';

export interface MadeFile {
  readonly text?: string;
  readonly bytes?: Buffer;
  /** 0o644 where nothing is said; of a folder 0o755. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Since the Unix epoch; the audit's own time where nothing is said. */
  readonly modifiedMs?: number;
  readonly isFolder?: boolean;
  /** Reading it fails so; its status can still be asked. */
  readonly unreadable?: UnknownReason;
  /** Its status cannot be asked either. */
  readonly hidden?: UnknownReason;
  /** Where it points to, if it is a symbolic link that is only ever read. */
  readonly link?: string;
}

export interface MadeSystem {
  /** By absolute path: a text, or more. Folders above them come by themselves. A null takes a file of a base away. */
  readonly files?: Readonly<Record<string, string | MadeFile | null>>;
  /** By command line, arguments joined by blanks: standard output, or more. A null takes one of a base away. */
  readonly commands?: Readonly<Record<string, string | Partial<CommandOutput> | UnknownReason[] | null>>;
  /** An image without a running system: commands that are not in the table are `not-running`, not `tool-missing`. */
  readonly isImage?: boolean;
}

/** `over` on top of `base`. */
export function layered(base: MadeSystem, over: MadeSystem): MadeSystem {
  return {
    ...base,
    ...over,
    files: { ...base.files, ...over.files },
    commands: { ...base.commands, ...over.commands },
  };
}

/** The time of fixtures: a Thursday in November 2026. */
export const FIXTURE_NOW = Date.parse('2026-11-26T12:00:00Z');

export class FixtureSystem implements AuditedSystem {
  readonly isLive: boolean;
  readonly #files = new Map<string, MadeFile>();
  readonly #commands: MadeSystem['commands'];

  constructor(made: MadeSystem) {
    this.isLive = made.isImage !== true;
    this.#commands = made.commands ?? {};
    for (const [path, file] of Object.entries(made.files ?? {})) {
      if (file === null) continue;
      this.#files.set(path, typeof file === 'string' ? { text: file } : file);
      for (let above = posix.dirname(path); !this.#files.has(above); above = posix.dirname(above)) {
        this.#files.set(above, { isFolder: true });
      }
    }
  }

  async readText(path: string, bounds: { sizeMaxBytes?: number } = {}): Promise<Fact<string>> {
    const bytes = await this.readBytes(path, bounds);
    return bytes.state === 'known' ? known(bytes.value.toString('utf8'), path) : bytes;
  }

  async readBytes(path: string, { sizeMaxBytes = 1 << 20 }: { sizeMaxBytes?: number } = {}): Promise<Fact<Buffer>> {
    const file = this.#files.get(path);
    if (file === undefined) return absent(path);
    if (file.unreadable !== undefined)
      return unknown(file.unreadable, `${path}: ${file.unreadable}, says the fixture.`);
    if (file.isFolder === true) return unknown('unreadable', `${path} is a folder.`);
    const bytes = file.bytes ?? Buffer.from(file.text ?? '');
    return bytes.length > sizeMaxBytes ? unknown('too-large', `${path} is too large.`) : known(bytes, path);
  }

  async list(path: string): Promise<Fact<readonly string[]>> {
    const folder = this.#files.get(path);
    if (folder?.unreadable !== undefined)
      return unknown(folder.unreadable, `${path}: ${folder.unreadable}, says the fixture.`);
    if (folder?.isFolder !== true) return absent(path);
    const names = [...this.#files.keys()].filter((one) => one !== path && posix.dirname(one) === path);
    return known(names.map((one) => posix.basename(one)).sort(), path);
  }

  async status(path: string): Promise<Fact<FileStatus>> {
    const file = this.#files.get(path);
    if (file === undefined) return absent(path);
    if (file.hidden !== undefined) return unknown(file.hidden, `${path}: ${file.hidden}, says the fixture.`);
    const isFolder = file.isFolder === true;
    return known<FileStatus>(
      {
        kind: isFolder ? 'directory' : 'file',
        mode: file.mode ?? (isFolder ? 0o755 : 0o644),
        uid: file.uid ?? 0,
        gid: file.gid ?? 0,
        sizeBytes: (file.bytes ?? Buffer.from(file.text ?? '')).length,
        modifiedMs: file.modifiedMs ?? FIXTURE_NOW,
        changedMs: file.modifiedMs ?? FIXTURE_NOW,
      },
      path,
    );
  }

  async readLink(path: string): Promise<Fact<string>> {
    const link = this.#files.get(path)?.link;
    return link === undefined ? absent(path) : known(link, path);
  }

  async run(command: string, args: readonly string[]): Promise<Fact<CommandOutput>> {
    const line = [command, ...args].join(' ');
    const output = this.#commands?.[line];
    if (Array.isArray(output)) return unknown(output[0]!, `${command}: ${output[0]}, says the fixture.`);
    if (output !== undefined && output !== null) {
      const whole = { exitCode: 0, stdout: '', stderr: '' };
      return known(
        { ...whole, ...(typeof output === 'string' ? { stdout: output } : (output as CommandOutput)) },
        line,
      );
    }
    return this.isLive
      ? unknown('tool-missing', `The program ${command} is not installed.`)
      : unknown('not-running', `Only the running system can tell: ${command} is not run for an image.`);
  }
}

export function fixtureContext(made: MadeSystem, nowMs = FIXTURE_NOW, declared = NOTHING_DECLARED): AuditContext {
  return {
    declared,
    system: new FixtureSystem(made),
    clock: new ManualClock(nowMs),
    signal: new AbortController().signal,
  };
}
