/** Reads HOCON files and what they include through the audited system. */
import { posix } from 'node:path';
import { type Fact, known, type Unknown, unknown } from '../../../model/fact.ts';
import type { AuditedSystem } from '../../../system/audited-system.ts';
import { parseHocon } from './parse.ts';
import { HoconFault, type Inclusion, type Piece, type Statement } from './tree.ts';

const FILES_MAX = 200;

export interface HoconFile {
  readonly statements: readonly Statement[];
  /** What each inclusion in it and below stands for; one that may be missing and is stands for nothing. */
  readonly included: ReadonlyMap<Inclusion, readonly Statement[]>;
}

/** Absent where the file itself is not there. */
export async function loadHocon(system: AuditedSystem, file: string): Promise<Fact<HoconFile>> {
  const included = new Map<Inclusion, readonly Statement[]>();
  let count = 0;

  const load = async (path: string, above: readonly string[]): Promise<Fact<readonly Statement[]>> => {
    if (above.includes(path)) return unknown('malformed', `${path} includes itself, by way of ${above.join(', ')}.`);
    if (++count > FILES_MAX) return unknown('too-large', `More than ${FILES_MAX} files are included.`);
    const bytes = await system.readBytes(path);
    if (bytes.state !== 'known') return bytes;
    let statements: readonly Statement[];
    try {
      statements = parseHocon(path, textOf(path, bytes.value));
    } catch (error) {
      return unknownOf(error);
    }
    for (const inclusion of inclusionsIn(statements)) {
      const inner = await load(posix.resolve(posix.dirname(path), inclusion.file), [...above, path]);
      if (inner.state === 'unknown') return inner;
      if (inner.state === 'absent' && inclusion.isRequired)
        return unknown(
          'file-missing',
          `${path}:${inclusion.place.line} includes ${inclusion.file}, which is not there.`,
        );
      included.set(inclusion, inner.state === 'known' ? inner.value : []);
    }
    return known(statements, path);
  };

  const whole = await load(file, []);
  return whole.state === 'known' ? known({ statements: whole.value, included }, file) : whole;
}

function textOf(path: string, bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new HoconFault({ file: path, line: 1 }, 'This is not UTF-8 text.');
  }
  const nul = text.indexOf('\0');
  if (nul !== -1)
    throw new HoconFault({ file: path, line: text.slice(0, nul).split('\n').length }, 'A NUL byte stands here.');
  return text;
}

/** What a fault of ours means for facts; others are bugs and go on. */
export function unknownOf(error: unknown): Unknown {
  if (error instanceof HoconFault) return unknown(error.reason, error.message);
  throw error;
}

function inclusionsIn(statements: readonly Statement[]): Inclusion[] {
  const found: Inclusion[] = [];
  const left: Statement[][] = [[...statements]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    for (const statement of next) {
      if (statement.kind === 'inclusion') found.push(statement);
      else left.push(...statement.value.pieces.flatMap(objectsIn));
    }
  }
  return found;
}

function objectsIn(piece: Piece): Statement[][] {
  if (piece.kind === 'object') return [[...piece.statements]];
  return piece.kind === 'array' ? piece.items.flatMap(({ pieces }) => pieces.flatMap(objectsIn)) : [];
}
