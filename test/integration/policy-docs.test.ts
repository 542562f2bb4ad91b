/** docs/policy.md shows commands and what they print: each is run, and has to print just that. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parsePolicyFile } from '../../src/policy/authorization/policy-file.ts';
import { sallyport } from '../kit/gateway.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENT = new URL('../../docs/policy.md', import.meta.url);
const EXAMPLE = new URL('../../docs/examples/tiered-access.yaml', import.meta.url);

const CONSOLE = /```console\n\$ sallyport ([^\n]*)\n([\s\S]*?)```/g;

/** Words of a command line; those with blanks or signs of the shell stand in double quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

// After a change: UPDATE_GOLDEN=1 node --test test/integration/policy-docs.test.ts
test('what docs/policy.md shows is what the commands print', async () => {
  let text = readFileSync(DOCUMENT, 'utf8');
  const shown = [...text.matchAll(CONSOLE)];
  assert.ok(shown.length >= 4);
  for (const [block, line = '', printed] of shown) {
    const { out } = await sallyport(wordsOf(line), { cwd: ROOT });
    if (process.env['UPDATE_GOLDEN'] === '1')
      text = text.replace(block!, () => `\`\`\`console\n$ sallyport ${line}\n${out}\`\`\``);
    else assert.equal(printed, out, line);
  }
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(DOCUMENT, text);
});

test('the policies that docs/policy.md and the examples show are valid', () => {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [smallest] = [...text.matchAll(/```yaml\n# policy\.yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);
  assert.equal(parsePolicyFile(smallest!, 'policy.yaml').roles.length, 1);
  const { roles } = parsePolicyFile(readFileSync(EXAMPLE, 'utf8'), 'tiered-access.yaml');
  assert.deepEqual(
    roles.map(({ name }) => name),
    ['everyone', 'device', 'viewer', 'operator', 'engineer', 'admin'],
  );
});
