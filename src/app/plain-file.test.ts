import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from './config/load.ts';
import { readPlainFile, readPlainText } from './plain-file.ts';
import { readRecording } from './watching/recording-file.ts';

const root = mkdtempSync(join(tmpdir(), 'sallyport-plain-file-'));
after(() => rmSync(root, { recursive: true }));
const pipe = join(root, 'pipe');
execFileSync('mkfifo', [pipe]);

describe('a file that a configuration names', () => {
  it('is read, through a link too', async () => {
    const [file, link] = [join(root, 'file'), join(root, 'link')];
    writeFileSync(file, 'whole');
    symlinkSync(file, link);
    assert.equal(await readPlainText(file), 'whole');
    assert.equal((await readPlainFile(link)).toString(), 'whole');
  });

  it('is not waited for where it is a pipe that nobody writes to, nor read where it is a device without an end', async () => {
    for (const path of [pipe, '/dev/zero'])
      await assert.rejects(readPlainFile(path), { code: 'it is not a plain file' }, path);
  });

  it('keeps the code of the system where it is missing or a directory', async () => {
    await assert.rejects(readPlainFile(join(root, 'missing')), { code: 'ENOENT' });
    await assert.rejects(readPlainFile(root), { code: 'EISDIR' });
  });
});

describe('a recording of what clients use', () => {
  it('is not waited for where a pipe stands in its place, unless it was named by hand', async () => {
    await assert.rejects(readRecording(pipe), { code: 'it is not a plain file' });
    assert.equal((await readRecording(pipe, async () => ''))?.users.length, 0);
  });
});

describe('a configuration', () => {
  it('is refused, and not waited for, where it is a pipe, a directory, below a file, or a link to nothing', async () => {
    const [file, link] = [join(root, 'plain'), join(root, 'dangling')];
    writeFileSync(file, '');
    symlinkSync(join(root, 'nowhere'), link);
    const cases: [string, RegExp][] = [
      [pipe, /this is not a plain file/],
      [root, /this is a directory; name the file in it/],
      [join(file, 'below'), /a part of this path is a file and not a directory/],
      [link, /this is a link to a file that is not there/],
    ];
    for (const [path, says] of cases) await assert.rejects(loadConfig(path), says);
  });
});
