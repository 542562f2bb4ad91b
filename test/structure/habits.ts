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
    instead: 'only sockets know of the event loop',
    allowed: (path) => inBase(path) || path.startsWith('src/transports/'),
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
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.(ts|mjs)$/.test(file)) violations.push(`${path}: is not kebab-case`);
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
    if (!/[.:]$/.test(words) || words.split(/\s+/).length < 3) {
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

interface Lockfile {
  packages: Record<string, { optionalDependencies?: Record<string, string>; dependencies?: Record<string, string> }>;
}

/** `npm ci` refuses a lockfile that does not hold every package its packages name, even optional ones of other platforms. */
export function unlockedPackages(lockfile: string): string[] {
  const { packages } = JSON.parse(lockfile) as Lockfile;
  const violations: string[] = [];
  for (const [path, entry] of Object.entries(packages)) {
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      // Looked for as Node does: beside the package's own, then in every folder above it.
      let folder = path;
      let isFound = false;
      while (!isFound) {
        isFound = Object.hasOwn(packages, folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`);
        if (folder === '') break;
        folder = posix.dirname(folder) === '.' ? '' : posix.dirname(folder);
      }
      if (!isFound) violations.push(`${path || 'package.json'}: ${name} is not in the lockfile`);
    }
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
