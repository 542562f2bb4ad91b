/**
 * Runs every check in order and ends with what failed and one line that sums them up. An argument picks a stage (lint, unit, integration,
 * conformance, fuzz, bench); further arguments keep only the test files whose path contains one of them.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeFailures, failedStage, readFailures } from './failed-tests.mjs';
import { BIN, nodePath, ROOT, run } from './toolchain.mjs';

/** For one test, and for all of one file; generous, because machines that run tests are busy. */
const TEST_LIMIT_MS = 300_000;
const STAGE_LIMIT_MS = 30 * 60_000;

// Most tests start a process that loads the same sources: what was compiled once need not be compiled again.
process.env.NODE_COMPILE_CACHE ??= join(ROOT, 'node_modules', '.sallyport-compiled');

/** Test files below the given folders, in a stable order. */
function testFiles(folders, only) {
  const files = [];
  const walk = (folder) => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (/\.test\.(ts|mjs)$/.test(entry.name)) files.push(path);
    }
  };
  for (const folder of folders) if (existsSync(join(ROOT, folder))) walk(folder);
  return files.sort().filter((file) => only.length === 0 || only.some((part) => file.includes(part)));
}

/** A tool that either passes or fails counts as one test. */
async function tool(name, command, args) {
  process.stdout.write(`\n== ${name}\n`);
  const result = await run(command, args, { limitMs: STAGE_LIMIT_MS });
  const isGood = result.exitCode === 0;
  return {
    passed: isGood ? 1 : 0,
    failed: isGood ? 0 : 1,
    skipped: 0,
    failures: isGood ? [] : [failedStage(name, result.output)],
  };
}

/** The runner's own count, such as `pass 12`; the last one counts, for a test may print anything before it. */
function countOf(output, word) {
  const matches = [...output.matchAll(new RegExp(`^(?:\\u2139|#) ${word} (\\d+)$`, 'gm'))];
  return matches.length === 0 ? undefined : Number(matches[matches.length - 1][1]);
}

async function tests(name, folders, only) {
  const files = testFiles(folders, only);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0, failures: [] };
  process.stdout.write(`\n== ${name}: ${files.length} files\n`);
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-failed-'));
  const failedFile = join(directory, 'tests');
  const args = [
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(ROOT, 'scripts/failed-tests.mjs')}`,
    `--test-reporter-destination=${failedFile}`,
    `--test-concurrency=${Math.min(4, Math.max(2, availableParallelism()))}`,
    `--test-timeout=${TEST_LIMIT_MS}`,
    ...files,
  ];
  const result = await run(nodePath(), args, { limitMs: STAGE_LIMIT_MS });
  const plain = result.output.replace(/\u001b\[[0-9;]*m/g, '');
  const passed = countOf(plain, 'pass') ?? 0;
  const skipped = (countOf(plain, 'skipped') ?? 0) + (countOf(plain, 'todo') ?? 0);
  let failed = (countOf(plain, 'fail') ?? 0) + (countOf(plain, 'cancelled') ?? 0);
  // A runner that died or was killed has no count of its own; that must not look like success.
  if (result.exitCode !== 0 && failed === 0) failed = 1;
  const failures = existsSync(failedFile) ? readFailures(readFileSync(failedFile, 'utf8')) : [];
  rmSync(directory, { recursive: true });
  if (failed > 0 && failures.length === 0) failures.push(failedStage(name, result.output));
  return { passed, failed, skipped, failures };
}

const STAGES = {
  lint: async () => [
    await tool('lint and format (biome)', join(BIN, 'biome'), ['check', '.']),
    await tool('types (tsc)', join(BIN, 'tsc'), ['--noEmit']),
  ],
  unit: async (only) => [await tests('unit', ['src', 'fuzz', 'bench', 'scripts', 'test/kit', 'test/structure'], only)],
  integration: async (only) => [await tests('integration', ['test/integration'], only)],
  conformance: async (only) => [await tests('conformance', ['test/conformance'], only)],
  fuzz: async () =>
    existsSync(join(ROOT, 'fuzz/main.ts')) ? [await tool('fuzz smoke', nodePath(), ['fuzz/main.ts', '--smoke'])] : [],
  bench: async () => [
    await tool('bench smoke', nodePath(), ['bench/main.ts', '--smoke']),
    await tool('attack bench smoke', nodePath(), ['bench/attack/main.ts', '--smoke']),
    await tool('observability bench smoke', nodePath(), [
      ...['bench/observability.ts', '--smoke', 'watchers', 'journal', 'search'],
    ]),
  ],
};

const [wanted, ...only] = process.argv.slice(2);
if (wanted !== undefined && !Object.hasOwn(STAGES, wanted)) {
  process.stderr.write(`no stage named ${wanted}; there are: ${Object.keys(STAGES).join(', ')}\n`);
  process.exit(2);
}
const total = { passed: 0, failed: 0, skipped: 0, failures: [] };
const failedStages = [];
for (const stage of wanted === undefined ? Object.keys(STAGES) : [wanted]) {
  const failedBefore = total.failed;
  for (const result of await STAGES[stage](only)) {
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
    total.failures.push(...result.failures);
  }
  if (total.failed > failedBefore) failedStages.push(stage);
}
if (total.failures.length > 0) process.stdout.write(`\n== failed\n${describeFailures(total.failures)}\n`);
if (failedStages.length > 0) process.stdout.write(`\nfailed: ${failedStages.join(', ')}\n`);
if (total.passed + total.failed === 0) process.stdout.write('\nno test matched\n');
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
