/** Recordings on disk: each as pcapng and as JSON, for their owner alone, bounded in number, size and age. */
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../../directory.ts';
import { pcapngOf } from './pcapng.ts';
import type { Recording } from './recording.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Time, connection and incident; nothing that a client has chosen. */
const NAME = /^(\d{8}T\d{9}Z-(?:w\d+-)?c\d+-[a-z0-9-]+)\.(?:pcapng|json)$/;

export interface FolderBounds {
  readonly filesMax: number;
  readonly keepMaxBytes: number;
  readonly keepForMs: number;
}

/** Recordings that were removed because of a bound, of which setting, and what it says. */
export interface Removal {
  readonly bound: 'filesMax' | 'keepSizeMax' | 'keepFor';
  readonly limit: number;
  readonly recordings: number;
}

export interface WrittenRecording {
  readonly name: string;
  /** Of both files together. */
  readonly sizeBytes: number;
}

export class RecordingsFolder {
  readonly directory: string;
  readonly #version: string;

  constructor(directory: string, version: string) {
    this.directory = directory;
    this.#version = version;
  }

  /** Its path without the ending. Rejects where the disk does. */
  async write(recording: Recording): Promise<string> {
    await makeDirectory(this.directory, DIRECTORY_MODE);
    const path = join(this.directory, nameOf(recording));
    await writeNew(`${path}.json`, `${JSON.stringify(recording, null, 2)}\n`);
    await writeNew(`${path}.pcapng`, pcapngOf(recording, this.#version));
    return path;
  }

  /** The newest first. */
  async list(): Promise<WrittenRecording[]> {
    const sizes = new Map<string, number>();
    for (const file of await readdir(this.directory).catch(() => [])) {
      const name = NAME.exec(file)?.[1];
      if (name === undefined) continue;
      // Another process may have made room meanwhile.
      const size = await stat(join(this.directory, file)).then(
        (found) => found.size,
        () => 0,
      );
      sizes.set(name, (sizes.get(name) ?? 0) + size);
    }
    return [...sizes].map(([name, sizeBytes]) => ({ name, sizeBytes })).sort((a, b) => (a.name < b.name ? 1 : -1));
  }

  /** Removes what is beyond the bounds, the oldest first. The newest one stays, whatever its size. */
  async tidy({ filesMax, keepMaxBytes, keepForMs }: FolderBounds, epochMs: number): Promise<Removal[]> {
    const removed = new Map<Removal['bound'], number>();
    let [count, bytes] = [0, 0];
    for (const { name, sizeBytes } of await this.list()) {
      count++;
      bytes += sizeBytes;
      let bound: Removal['bound'];
      if (writtenAtMs(name) < epochMs - keepForMs) bound = 'keepFor';
      else if (count === 1) continue;
      else if (count > filesMax) bound = 'filesMax';
      else if (bytes > keepMaxBytes) bound = 'keepSizeMax';
      else continue;
      for (const ending of ['json', 'pcapng']) await rm(join(this.directory, `${name}.${ending}`), { force: true });
      removed.set(bound, (removed.get(bound) ?? 0) + 1);
    }
    const limits = { filesMax, keepSizeMax: keepMaxBytes, keepFor: keepForMs };
    return [...removed].map(([bound, recordings]) => ({ bound, limit: limits[bound], recordings }));
  }
}

/** From the name, which begins with it: 20260706T080000000Z. */
function writtenAtMs(name: string): number {
  return Date.parse(name.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z.*$/, '$1-$2-$3T$4:$5:$6.$7Z'));
}

async function writeNew(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}

function nameOf({ writtenAt, connectionId, incident }: Recording): string {
  const time = writtenAt.replaceAll(/[-:.]/g, '');
  const what = incident
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 60);
  return `${time}-${connectionId}-${what}`;
}
