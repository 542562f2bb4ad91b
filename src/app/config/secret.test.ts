import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OperatorError } from './problem.ts';
import { readSecret } from './secret.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-secret-'));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, 'secret');

describe('a secret', () => {
  it('comes from a file, without the line end that editors leave', async () => {
    for (const [content, secret] of [
      ['hunter22', 'hunter22'],
      ['hunter22\n', 'hunter22'],
      ['hunter22\r\n', 'hunter22'],
      [' two\nlines \n', ' two\nlines '],
    ] as const) {
      writeFileSync(file, content);
      assert.equal(await readSecret({ file }, {}), secret);
    }
  });

  it('comes from the environment as it is', async () => {
    assert.equal(await readSecret({ env: 'KEY_PASS' }, { KEY_PASS: ' hunter22 ' }), ' hunter22 ');
  });

  it('that is not there is named by its place', async () => {
    writeFileSync(file, '\n');
    const cases = [
      [{ file }, /secret, which should hold a secret, is empty/],
      [{ file: join(directory, 'absent') }, /absent cannot be read/],
      [{ env: 'KEY_PASS' }, /environment variable KEY_PASS.* is not set/],
    ] as const;
    for (const [source, says] of cases) {
      await assert.rejects(
        readSecret(source, {}),
        (error: Error) => error instanceof OperatorError && says.test(error.message),
      );
    }
  });
});
