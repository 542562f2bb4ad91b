/**
 * The head of the journal: the last record that is known to be on disk, signed. Without it, whoever cuts whole records off the
 * end could say that a crash had done it.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEAD_FILE } from './segment-files.ts';
import type { SigningKey, VerifyingKey } from './signing-key.ts';

export interface Head {
  readonly n: number;
  readonly h: string;
}

const MODE = 0o600;

export async function writeHead(directory: string, head: Head, key: SigningKey): Promise<void> {
  const path = join(directory, HEAD_FILE);
  const content = JSON.stringify({ ...head, key: key.fingerprint, signature: key.sign(wordsOf(head)) });
  await writeFile(`${path}.new`, `${content}\n`, { mode: MODE });
  // Not synced: after a power cut an older head may come back, which claims less and is as true.
  await rename(`${path}.new`, path);
}

/** `missing` where there is none that can be read, `forged` where its signature is not the key's. */
export async function readHead(directory: string, key: VerifyingKey): Promise<Head | 'missing' | 'forged'> {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(await readFile(join(directory, HEAD_FILE), 'utf8')) as Record<string, unknown>;
  } catch {
    return 'missing';
  }
  const { n, h, signature } = value;
  if (typeof n !== 'number' || typeof h !== 'string' || typeof signature !== 'string') return 'forged';
  return key.verify(wordsOf({ n, h }), signature) ? { n, h } : 'forged';
}

function wordsOf({ n, h }: Head): string {
  return `head ${n} ${h}`;
}

/** What a seal signs: the record that stands right before it. */
export function sealWords(segment: number, n: number, h: string): string {
  return `seal ${segment} ${n} ${h}`;
}

/** What the note of retention signs: the last record that it took away. */
export function prunedWords(segment: number, n: number, h: string): string {
  return `pruned ${segment} ${n} ${h}`;
}
