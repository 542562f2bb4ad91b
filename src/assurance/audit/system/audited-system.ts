/** The system that is audited, through a keyhole: bounded reads and bounded commands, never an exception, never a change. */
import type { Fact } from '../model/fact.ts';

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'socket' | 'other';
  /** Permission bits only, such as 0o640. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Since the Unix epoch. */
  readonly modifiedMs: number;
  /** When content, permissions or owner last changed, which nobody can set: the status change time. */
  readonly changedMs: number;
}

export interface CommandOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ReadBounds {
  /** More than this is `too-large`. 1 MiB where nothing is said. */
  readonly sizeMaxBytes?: number;
}

/**
 * Paths are absolute, as the audited system sees them: below a `--root` they, and every symbolic link on the way, are resolved inside it.
 */
export interface AuditedSystem {
  /** Whether this is the machine we run on, so that commands and /proc tell of the same system as the files. */
  readonly isLive: boolean;
  /** UTF-8 text. Absent only where it was certain that there is no such file. */
  readText(path: string, bounds?: ReadBounds): Promise<Fact<string>>;
  readBytes(path: string, bounds?: ReadBounds): Promise<Fact<Buffer>>;
  /** Names in a folder, sorted; more than 10,000 are `too-large`. */
  list(path: string): Promise<Fact<readonly string[]>>;
  /** Follows symbolic links. */
  status(path: string): Promise<Fact<FileStatus>>;
  /** Where a symbolic link of the last component points to, as written: the way to read /proc/PID/exe. */
  readLink(path: string): Promise<Fact<string>>;
  /**
   * Runs a program without a shell, in the C locale, without input. A program that is not there is `tool-missing`; without a running
   * system it is `not-running`, unless its output was recorded. A failure of the program is a value: look at `exitCode`.
   */
  run(command: string, args: readonly string[]): Promise<Fact<CommandOutput>>;
}
