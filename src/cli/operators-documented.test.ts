/** docs/operators.md holds: its configurations load, and its command lines are understood. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from '../app/config/load.ts';
import { ROUTES } from '../app/control/route-table.ts';
import { parseInvocation } from './arguments.ts';
import { operatorsCommand } from './operators-command.ts';

const PAGE = readFileSync(new URL('../../docs/operators.md', import.meta.url), 'utf8');
const blocks = (language: string): string[] =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text!);

/** Words of a line without expansions; what stands in quotes is one. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

describe('docs/operators.md', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-operators-page-'));
  after(() => rmSync(directory, { recursive: true }));

  it('shows configurations that load', async () => {
    const shown = blocks('yaml');
    assert.ok(shown.length >= 3);
    for (const text of shown) {
      const file = join(directory, 'sallyport.yaml');
      writeFileSync(file, `listeners: [{ name: mqtt, type: tcp, port: 0 }]\n${text}`);
      await loadConfig(file);
    }
  });

  it('shows command lines that are understood', () => {
    const lines = blocks('sh')
      .flatMap((block) => block.split('\n'))
      .filter((line) => line.startsWith('npx sallyport operators '));
    assert.ok(lines.length >= 10);
    const usage = operatorsCommand.usage.join('\n');
    for (const line of lines) {
      const args = wordsOf(line.replace(/ > \w+$/, '')).slice(3);
      const { words } = parseInvocation(operatorsCommand, args);
      assert.match(usage, new RegExp(`\\b${words[0]}\\b`), line);
    }
  });

  it('names operations that there are', () => {
    const paths = new Set(ROUTES.map(({ path }) => path as string));
    for (const [, path = ''] of PAGE.matchAll(/`(?:GET |POST |DELETE )?(\/v1\/[^`\s]*)`/g)) {
      assert.ok(paths.has(path), path);
    }
  });
});
