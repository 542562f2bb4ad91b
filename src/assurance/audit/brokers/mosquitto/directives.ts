/**
 * Reads mosquitto.conf as Mosquitto does: a keyword and its value a line, comments only at the start of a line, and files of
 * `include_dir` where it stands, in the order of their names (config.c, config__read_file_core).
 */
import { posix } from 'node:path';
import { type Fact, known, type Unknown, unknown } from '../../model/fact.ts';
import type { AuditedSystem } from '../../system/audited-system.ts';

export interface Directive {
  readonly name: string;
  readonly value: string;
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Mosquitto itself includes one level deep; beyond it and beyond so many files something is wrong. */
const FILES_MAX = 500;
const DIRECTIVES_MAX = 100_000;

/** All of them in order; unknown where a part cannot be read, because what is missing could change the meaning of the rest. */
export async function readDirectives(system: AuditedSystem, path: string): Promise<Fact<readonly Directive[]>> {
  const directives: Directive[] = [];
  const seen = new Set<string>();

  const read = async (file: string): Promise<Unknown | 'absent' | undefined> => {
    if (seen.has(file)) return unknown('malformed', `${file} is included a second time.`);
    if (seen.size >= FILES_MAX) return unknown('too-large', `More than ${FILES_MAX} files are included.`);
    seen.add(file);
    const bytes = await system.readBytes(file);
    if (bytes.state === 'unknown') return bytes;
    if (bytes.state === 'absent') return 'absent';
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.value);
    } catch {
      return unknown('malformed', `${file} is not UTF-8 text.`);
    }
    if (text.includes('\0')) return unknown('malformed', `${file} holds NUL bytes.`);
    for (const [index, raw] of text.split('\n').entries()) {
      const directive = directiveIn(raw.replace(/\r$/, ''), file, index + 1);
      if (directive === undefined) continue;
      if (directives.length >= DIRECTIVES_MAX) return unknown('too-large', `${file} has too many lines.`);
      directives.push(directive);
      if (directive.name !== 'include_dir') continue;
      const failed = await include(directive);
      if (failed !== undefined) return failed;
    }
    return undefined;
  };

  const include = async ({ value, file, line }: Directive): Promise<Unknown | undefined> => {
    const names = await system.list(value);
    if (names.state === 'unknown') return names;
    if (names.state === 'absent') {
      return unknown(
        'file-missing',
        `${file}:${line} includes ${value}, which is not there: Mosquitto does not start so.`,
      );
    }
    // In the order of bytes, whatever the locale.
    const files = names.value.filter((name) => name.endsWith('.conf')).sort((a, b) => (a < b ? -1 : 1));
    for (const name of files) {
      const failed = await read(posix.join(value, name));
      if (failed !== undefined && failed !== 'absent') return failed;
    }
    return undefined;
  };

  const failed = await read(path);
  if (failed === 'absent') return { state: 'absent', source: { from: path } };
  return failed ?? known(directives, path);
}

function directiveIn(line: string, file: string, number: number): Directive | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const match = /^[ ]*(\S+)(?:[ \t]+(.*))?$/.exec(line);
  if (match === null) return undefined;
  return { name: match[1]!, value: (match[2] ?? '').trim(), file, line: number };
}
