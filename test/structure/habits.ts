/** The style's habits as rules over the text of files: each returns what breaks it, one sentence a finding. */
import { posix } from 'node:path';
import { codeOnly, isTest, lineAt, type SourceTree } from './source-tree.ts';

const LINES_MAX = 600;
const TEST_LINES_MAX = 1500;

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Where it may stand all the same. */
  readonly allowed: (path: string) => boolean;
}

const inBase = (path: string): boolean => path.startsWith('src/base/');
/** The program's entry runs before there is a gateway to hand a clock to. */
const inCli = (path: string): boolean => path.startsWith('src/cli/');

const BANS: readonly Ban[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\s*\)/g, instead: 'ask a Clock', allowed: inBase },
  { pattern: /\bperformance\.now\b|\bprocess\.hrtime\b/g, instead: 'ask a Clock', allowed: inBase },
  { pattern: /\bsetTimeout\b|\bsetInterval\b/g, instead: 'use Clock.after', allowed: inBase },
  { pattern: /\bMath\.random\b/g, instead: 'ask a Chance', allowed: inBase },
  {
    pattern: /\bsetImmediate\b/g,
    instead: 'only sockets and storage batch by turns of the event loop',
    allowed: (path) => inBase(path) || path.startsWith('src/transports/') || path.startsWith('src/broker/store'),
  },
  { pattern: /\bconsole\./g, instead: 'emit an event', allowed: inCli },
];

/** Time and chance come in by the door, and what happened is an event. Tests may do as they need. */
export function bannedCalls(tree: SourceTree): string[] {
  const violations: string[] = [];
  for (const [path, text] of tree) {
    if (!path.startsWith('src/') || isTest(path)) continue;
    const code = codeOnly(text);
    for (const ban of BANS) {
      if (ban.allowed(path)) continue;
      for (const match of code.matchAll(ban.pattern)) {
        violations.push(`${path}:${lineAt(code, match.index)}: ${match[0]}: ${ban.instead}`);
      }
    }
  }
  return violations;
}

/** Names are kebab-case and say what a thing is. */
export function badNames(tree: SourceTree): string[] {
  const violations: string[] = [];
  for (const path of tree.keys()) {
    const parts = path.split('/');
    const file = parts.pop()!;
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?(\.test|\.d)?\.(ts|mjs)$/.test(file))
      violations.push(`${path}: is not kebab-case`);
    for (const word of [...parts, file].flatMap((part) => part.split(/[-.]/))) {
      if (/^(utils?|helpers?|managers?|common|misc)$/.test(word)) violations.push(`${path}: ${word} says nothing`);
    }
  }
  return violations;
}

/** A file opens with a comment of at least one whole sentence; a test's names speak for it. */
export function missingPurpose(tree: SourceTree): string[] {
  const violations: string[] = [];
  for (const [path, text] of tree) {
    if (isTest(path)) continue;
    const opening = /^(?:#![^\n]*\n)?\s*(\/\*\*?([\s\S]*?)\*\/|((?:\/\/[^\n]*\n)+))/.exec(text);
    const words = (opening?.[2] ?? opening?.[3] ?? '').replace(/^\s*(\*|\/\/)/gm, ' ').trim();
    if (!/[.:?](?:\s|$)/.test(words) || words.split(/\s+/).length < 3) {
      violations.push(`${path}: does not open with a sentence of purpose`);
    }
  }
  return violations;
}

export function longFiles(tree: SourceTree): string[] {
  const violations: string[] = [];
  for (const [path, text] of tree) {
    const lines = text.split('\n').length - 1;
    const ceiling = isTest(path) ? TEST_LINES_MAX : LINES_MAX;
    if (lines > ceiling) violations.push(`${path}: ${lines} lines, at most ${ceiling}`);
  }
  return violations;
}

/** What is unfinished is an issue, not a comment. */
export function leftovers(tree: SourceTree): string[] {
  const violations: string[] = [];
  for (const [path, text] of tree) {
    for (const match of text.matchAll(/\b(?:TO[D]O|FIX[M]E|XX[X])\b|\b(?:describe|test|it)\.only\b/g)) {
      violations.push(`${path}:${lineAt(text, match.index)}: ${match[0]}`);
    }
  }
  return violations;
}

interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** Every direct dependency has a row in docs/dependencies.md, and every row a dependency. */
export function undocumentedDependencies(manifests: readonly string[], document: string): string[] {
  const wanted = new Set<string>();
  for (const text of manifests) {
    const manifest = JSON.parse(text) as Manifest;
    for (const group of [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies]) {
      for (const name of Object.keys(group ?? {})) wanted.add(name);
    }
  }
  const told = new Set([...document.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]!));
  return [
    ...[...wanted].filter((name) => !told.has(name)).map((name) => `${name}: has no row in docs/dependencies.md`),
    ...[...told].filter((name) => !wanted.has(name)).map((name) => `${name}: has a row but is no dependency`),
  ];
}

interface LockedPackage {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly os?: unknown;
  readonly cpu?: unknown;
}

type LockedPackages = Readonly<Record<string, LockedPackage>>;

const lockedPackages = (lockfile: string): LockedPackages =>
  (JSON.parse(lockfile) as { packages: LockedPackages }).packages;

const needsOf = (entry: LockedPackage | undefined): string[] =>
  Object.keys({ ...entry?.dependencies, ...entry?.optionalDependencies });

/** Where a package finds another, as Node looks for it: in its own folder, then in every folder above. */
function findLocked(packages: LockedPackages, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = posix.dirname(folder)) {
    const path = posix.join(folder, 'node_modules', name);
    if (Object.hasOwn(packages, path)) return path;
    if (folder === '.') return undefined;
  }
}

/** `npm ci` refuses a lockfile that does not hold every package its packages name, even optional ones of other platforms. */
export function unlockedPackages(lockfile: string): string[] {
  const packages = lockedPackages(lockfile);
  return Object.entries(packages).flatMap(([path, entry]) =>
    needsOf(entry)
      .filter((name) => findLocked(packages, path || '.', name) === undefined)
      .map((name) => `${path || 'package.json'}: ${name} is not in the lockfile`),
  );
}

/** The second column of docs/dependencies.md is how many further packages each one brings, platform builds left out. */
export function miscountedDependencies(lockfile: string, document: string): string[] {
  const packages = lockedPackages(lockfile);
  const violations: string[] = [];
  for (const [, name, told] of document.matchAll(/^\| `([^`]+)` \| (\d+) \|/gm)) {
    const seen = new Set<string>();
    const follow = (from: string, needed: string): void => {
      const path = findLocked(packages, from, needed);
      const entry = path === undefined ? undefined : packages[path];
      if (path === undefined || entry === undefined || seen.has(path)) return;
      if (from !== '.' && (entry.os !== undefined || entry.cpu !== undefined)) return;
      seen.add(path);
      for (const next of needsOf(entry)) follow(path, next);
    };
    follow('.', name!);
    const brings = seen.size - 1;
    if (brings !== Number(told)) violations.push(`${name} brings ${brings} packages, not ${told}`);
  }
  return violations;
}

/** Where a project was made is nobody's business: no registry's host, no path of the machine it was written on. */
export function workshopTraces(tree: SourceTree): string[] {
  const hosts = ['registry', 'npmjs', 'yarnpkg', 'verdaccio', 'docker', 'ghcr', 'quay'].join('|');
  const host = new RegExp(`\\b(?:${hosts})\\.(?:[a-z0-9-]+\\.)*(?:org|com|io|net|dev|local|internal)\\b`, 'g');
  const folder = new RegExp(`(?<![\\w.@~*-])/(?:${['work', 'farm'].join('|')})/[\\w.-]+`, 'g');
  const violations: string[] = [];
  for (const [path, text] of tree) {
    for (const pattern of [host, folder]) {
      for (const match of text.matchAll(pattern)) {
        violations.push(`${path}:${lineAt(text, match.index)}: ${match[0]}`);
      }
    }
  }
  return violations;
}
