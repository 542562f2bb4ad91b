/** Reads the configuration file: bytes in, a frozen `Config` out, or a `ConfigError` with all that is wrong. */
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { denialOf, isDenial } from '../denied-place.ts';
import type { Config } from './config.ts';
import { ConfigError } from './problem.ts';
import { effectiveSettings, type Setting } from './settings.ts';
import { validate } from './validate.ts';
import { parseYaml } from './yaml-source.ts';

const FILE_SIZE_MAX_BYTES = 1024 * 1024;

export interface LoadedConfig {
  readonly config: Config;
  readonly settings: readonly Setting[];
}

function refuse(file: string, says: string): never {
  throw new ConfigError([{ file, line: 1, column: 1, path: '', says }]);
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; `sallyport init` makes one',
  ENOTDIR: 'a part of this path is a file and not a directory; correct the path',
  EISDIR: 'this is a directory; name the file in it',
};

async function isLink(file: string): Promise<boolean> {
  const facts = await lstat(file).catch(() => undefined);
  return facts?.isSymbolicLink() === true;
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    // Without waiting: a pipe that nobody writes to is refused like any.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = await handle.stat();
      if (facts.isDirectory()) refuse(file, UNREADABLE['EISDIR']!);
      if (!facts.isFile()) refuse(file, 'this is not a plain file; name one');
      if (facts.size > FILE_SIZE_MAX_BYTES) refuse(file, 'the file is larger than 1 MiB, which no configuration is');
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && (await isLink(file))) refuse(file, 'this is a link to a file that is not there');
    if (isDenial(error)) refuse(file, denialOf(file, { todo: 'read' }));
    refuse(file, UNREADABLE[code] ?? `cannot be read: ${message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    refuse(file, 'the file is not UTF-8 text');
  }
}

/** `file` as the operator named it: errors repeat it so. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  return configFrom(file, await readText(file));
}

/** Of a text that has been read already; paths in it start at the folder of `file`. */
export function configFrom(file: string, text: string): LoadedConfig {
  const source = parseYaml(file, text);
  const config = validate(source, dirname(resolve(file)));
  return { config, settings: effectiveSettings(source) };
}

/**
 * The data directory that a configuration names, also where the rest of it is wrong: a reload has to reach the running gateway
 * to be told so. Throws a `ConfigError` only where the file cannot be read.
 */
export async function dataDirectoryOf(file: string): Promise<string> {
  const { value } = parseYaml(file, await readText(file));
  const named =
    typeof value === 'object' && value !== null ? (value as { dataDirectory?: unknown }).dataDirectory : '.';
  return resolve(dirname(file), typeof named === 'string' ? named : '.');
}
