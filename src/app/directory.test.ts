import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OperatorError } from './config/problem.ts';
import { makeDirectory } from './directory.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-directory-'));
after(() => rmSync(root, { recursive: true }));

describe('a directory', () => {
  it('is made with those above it, each with the mode, and is left alone where it is there', async () => {
    const deep = join(root, 'a', 'b', 'c');
    await makeDirectory(deep, 0o700);
    for (const path of [deep, join(root, 'a', 'b'), join(root, 'a')]) assert.equal(statSync(path).mode & 0o777, 0o700);
    await makeDirectory(deep, 0o755);
    assert.equal(statSync(deep).mode & 0o777, 0o700);
  });

  it('may be made by several at once', async () => {
    const shared = join(root, 'shared', 'by', 'all');
    await Promise.all(Array.from({ length: 16 }, () => makeDirectory(shared, 0o700)));
    assert.ok(statSync(shared).isDirectory());
  });

  it('is refused, and not waited for, where its parent takes none', async () => {
    for (const path of ['/proc/sallyport', '/proc/sallyport/journal'])
      await assert.rejects(makeDirectory(path, 0o700), (error: Error) => {
        assert.ok(error instanceof OperatorError);
        assert.match(error.message, /^The directory \/proc\/sallyport\S* cannot be made: \/proc takes no new ones\./);
        return true;
      });
  });

  it('is refused where a file or a link to nothing is in its place, or in the place of one above it', async () => {
    const [file, link] = [join(root, 'file'), join(root, 'link')];
    writeFileSync(file, '');
    symlinkSync(join(root, 'nowhere'), link);
    for (const path of [file, join(file, 'below'), link, join(link, 'below')])
      await assert.rejects(makeDirectory(path, 0o700), {
        name: 'OperatorError',
        message: /is something else, such as/,
      });
  });
});
