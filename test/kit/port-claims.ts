/** Who has been given a port keeps it until its process ends: test files run side by side, and each looks for free ones. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlive } from './alive.ts';

/** One file for each port, with the process that has it. Of this user, who may write there. */
const CLAIMS = path.join(tmpdir(), `sallyport-ports-${process.getuid?.() ?? 0}`);
const claimed = new Set<string>();

/** False where another process has it; what one left that was killed is free for whoever asks next. */
export function claimPort(port: number): boolean {
  if (claimed.size === 0) {
    mkdirSync(CLAIMS, { recursive: true, mode: 0o700 });
    process.once('exit', () => {
      for (const file of claimed) rmSync(file, { force: true });
    });
  }
  const file = path.join(CLAIMS, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    claimed.add(file);
    return true;
  } catch {
    const owner = ownerOf(file);
    if (owner !== undefined && !isAlive(owner)) rmSync(file, { force: true });
    return false;
  }
}

/** Undefined where the file has gone, or is being written. */
function ownerOf(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
