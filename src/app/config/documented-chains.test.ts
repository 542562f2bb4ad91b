import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from './load.ts';

const PAGE = readFileSync(new URL('../../../docs/authentication.md', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'sallyport-chains-'));
after(() => rmSync(directory, { recursive: true }));

const blocks = [...PAGE.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);

test('there are configurations in docs/authentication.md', () => assert.ok(blocks.length >= 3));

for (const [index, text] of blocks.entries()) {
  test(`configuration ${index + 1} of docs/authentication.md is one`, async () => {
    const file = join(directory, 'sallyport.yaml');
    writeFileSync(file, `listeners:\n  - { name: plain, type: tcp, address: 127.0.0.1, port: 1883 }\n${text}`);
    const { config } = await loadConfig(file);
    assert.ok(config.authentication.chain.length > 0);
  });
}
