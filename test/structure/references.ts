/** What the prose points at: files by relative links, and paths in code spans. */
import { posix } from 'node:path';
import { lineAt, type SourceTree } from './source-tree.ts';

/** Links and paths that lead nowhere; `exists` knows the repository's files and folders. */
export function deadReferences(tree: SourceTree, exists: (path: string) => boolean): string[] {
  const violations: string[] = [];
  for (const [path, text] of tree) {
    if (!path.endsWith('.md')) continue;
    const check = (offset: number, named: string, target: string): void => {
      if (!exists(target)) violations.push(`${path}:${lineAt(text, offset)}: ${named} leads nowhere`);
    };
    for (const match of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const [target = ''] = match[1]!.split('#');
      if (target === '' || /^[a-z]+:/.test(target)) continue;
      check(match.index, match[1]!, posix.join(posix.dirname(path), target));
    }
    for (const match of text.matchAll(/`((?:src|test|scripts|docs|deploy|fuzz|runtime|bin)\/[\w./-]*)`/g)) {
      check(match.index, match[1]!, posix.normalize(match[1]!));
    }
  }
  return violations;
}
