import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { createFile, replaceFile } from './durable-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-durable-'));
after(() => rmSync(directory, { recursive: true }));
const path = join(directory, 'file');
beforeEach(() => rmSync(path, { force: true }));

describe('a durable file', () => {
  it('is created with exactly its mode, and never over another', async () => {
    assert.equal(await createFile(path, 'first', 0o640), true);
    assert.equal(statSync(path).mode & 0o777, 0o640);
    assert.equal(await createFile(path, 'second', 0o640), false);
    assert.equal(readFileSync(path, 'utf8'), 'first');
    assert.deepEqual(readdirSync(directory), ['file']);
    const bytes = Uint8Array.of(0, 255, 10);
    assert.equal(await createFile(`${path}.bytes`, bytes, 0o600), true);
    assert.deepEqual(Uint8Array.from(readFileSync(`${path}.bytes`)), bytes);
    rmSync(`${path}.bytes`);
  });

  it('is replaced with its mode and owner kept', async () => {
    writeFileSync(path, 'old');
    chmodSync(path, 0o640);
    const before = statSync(path);
    await replaceFile(path, 'new');
    const now = statSync(path);
    assert.equal(readFileSync(path, 'utf8'), 'new');
    assert.deepEqual([now.mode, now.uid, now.gid], [before.mode, before.uid, before.gid]);
    assert.notEqual(now.ino, before.ino);
    assert.deepEqual(readdirSync(directory), ['file']);
  });

  it('leaves nothing beside it where the disk takes only half of it', async () => {
    const half = (async function* () {
      yield 'half of it';
      throw new Error('no space left');
    })() as unknown as string;
    await assert.rejects(createFile(path, half, 0o600), /no space left/);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('is not made up where there was none to replace', async () => {
    await assert.rejects(replaceFile(path, 'new'), /ENOENT/);
    assert.deepEqual(readdirSync(directory), []);
  });
});
