/**
 * The files that a module is made of, in an order in which each comes after those that it loads itself: whoever loads them one by one has
 * no long piece of work, as the first module alone would be with all that is behind it.
 */
import { readFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';

/** At the beginning of a line; what is indented is loaded when it is needed, if ever. */
const REQUIRED = /^\S.*?\brequire\(['"]([^'"]+)['"]\)/gm;
/** Our own; types are not loaded. */
const IMPORTED = /^(?:import|export)\s(?!type\s)[^;'"]*?\bfrom\s+['"](\.[^'"]+)['"]/gm;

/** Of a CommonJS module, packages included: paths. */
export function requiredFiles(entry: string): AsyncGenerator<string> {
  return leafFirst(entry, REQUIRED, (name, file) => {
    if (isBuiltin(name)) return undefined;
    const path = createRequire(file).resolve(name);
    return path.endsWith('.js') ? path : undefined;
  });
}

/** Of one of our modules, without packages: paths. */
export function importedFiles(entry: URL): AsyncGenerator<string> {
  return leafFirst(fileURLToPath(entry), IMPORTED, (name, file) => fileURLToPath(new URL(name, `file://${file}`)));
}

async function* leafFirst(
  file: string,
  pattern: RegExp,
  resolve: (name: string, file: string) => string | undefined,
  seen = new Set<string>(),
): AsyncGenerator<string> {
  seen.add(file);
  const text = await readFile(file, 'utf8');
  for (const [, name] of text.matchAll(pattern)) {
    const path = resolve(name!, file);
    if (path !== undefined && !seen.has(path)) yield* leafFirst(path, pattern, resolve, seen);
  }
  yield file;
}
