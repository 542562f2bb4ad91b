/** Reads the repository as the structure tests see it: paths with their text, and text without comments and strings. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Path from the repository's root, with slashes, to text. */
export type SourceTree = ReadonlyMap<string, string>;

export const isTest = (path: string): boolean => /\.test\.(ts|mjs)$/.test(path);

/** All TypeScript and JavaScript below the given folders. */
export function readSources(...folders: string[]): SourceTree {
  const tree = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (/\.(ts|mjs)$/.test(entry.name)) tree.set(path, readFileSync(join(ROOT, path), 'utf8'));
    }
  };
  for (const folder of folders) if (existsSync(join(ROOT, folder))) walk(folder);
  return new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Every text file that is committed (or staged), binaries left out. */
export function readCommitted(): SourceTree {
  const list = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const tree = new Map<string, string>();
  for (const path of list.split('\0')) {
    const full = join(ROOT, path);
    if (path === '' || !existsSync(full) || !statSync(full).isFile()) continue;
    const text = readFileSync(full, 'utf8');
    if (!text.includes('\0')) tree.set(path, text);
  }
  return tree;
}

export function isGitCheckout(): boolean {
  return existsSync(join(ROOT, '.git'));
}

/** After these a slash begins a regular expression, not a division. */
const BEFORE_PATTERN = /(?:^|[([{,;=:!&|?+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|void|delete|await|yield))$/;

/** The text with comments, strings and regular expressions blanked (line breaks stay): what is left is code. */
export function codeOnly(text: string): string {
  let out = '';
  let at = 0;
  const blank = (end: number): void => {
    out += text.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  /** The end of a quoted run that starts at `from`; a template's `${}` parts count as code. */
  const quoteEnd = (from: number, quote: string): number => {
    let i = from + 1;
    while (i < text.length && text[i] !== quote) {
      if (text[i] === '\\') i++;
      else if (quote !== '`' && text[i] === '\n') return i;
      i++;
    }
    return Math.min(i + 1, text.length);
  };
  const patternEnd = (from: number): number => {
    let i = from + 1;
    let inClass = false;
    while (i < text.length && text[i] !== '\n') {
      if (text[i] === '\\') i++;
      else if (text[i] === '[') inClass = true;
      else if (text[i] === ']') inClass = false;
      else if (text[i] === '/' && !inClass) break;
      i++;
    }
    return i + 1;
  };
  const template = (): void => {
    // Blanks the words and keeps what stands inside `${...}`.
    out += ' ';
    at++;
    while (at < text.length && text[at] !== '`') {
      if (text[at] === '\\') blank(at + 2);
      else if (text.startsWith('${', at)) {
        blank(at + 2);
        code('}');
        if (at < text.length) blank(at + 1);
      } else blank(at + 1);
    }
    if (at < text.length) blank(at + 1);
  };
  const code = (until: string | undefined): void => {
    let depth = 0;
    while (at < text.length) {
      const char = text[at]!;
      if (until !== undefined && char === until && depth === 0) return;
      if (text.startsWith('//', at)) {
        const end = text.indexOf('\n', at);
        blank(end === -1 ? text.length : end);
      } else if (text.startsWith('/*', at)) {
        const end = text.indexOf('*/', at + 2);
        blank(end === -1 ? text.length : end + 2);
      } else if (char === "'" || char === '"') blank(quoteEnd(at, char));
      else if (char === '`') template();
      else if (char === '/' && BEFORE_PATTERN.test(out.slice(-40).trimEnd())) blank(patternEnd(at));
      else {
        if (char === '{') depth++;
        if (char === '}') depth--;
        out += char;
        at++;
      }
    }
  };
  code(undefined);
  return out;
}

/** Line number (from 1) of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line++;
  return line;
}
