import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { OperatorError } from '../config/problem.ts';
import { lockDirectory } from './directory-lock.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-lock-'));
after(() => rmSync(directory, { recursive: true }));

describe('the lock of a data directory', () => {
  it('is held by one gateway, named in the refusal, and free again after its release', () => {
    const lock = lockDirectory(directory);
    const busy = new RegExp(`already \\(process ${process.pid}\\)`);
    assert.throws(
      () => lockDirectory(directory),
      (error: Error) => error instanceof OperatorError && busy.test(error.message),
    );
    assert.equal(statSync(join(directory, 'lock')).mode & 0o777, 0o600);
    lock.release();
    assert.ok(!existsSync(join(directory, 'pid')));
    lockDirectory(directory).release();
  });

  it('does not survive a holder that was killed', async () => {
    const module = new URL('directory-lock.ts', import.meta.url).href;
    // Kept: a lock that nobody refers to is collected, and gone.
    const hold = `import { lockDirectory } from ${JSON.stringify(module)}; globalThis.lock = lockDirectory(process.argv[1]); console.log('held'); setInterval(() => {}, 1e6);`;
    const holder = spawn(process.execPath, ['--input-type=module', '--eval', hold, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(holder.stdout, 'data');
      assert.throws(() => lockDirectory(directory), new RegExp(`process ${holder.pid}`));
    } finally {
      holder.kill('SIGKILL');
    }
    await once(holder, 'exit');
    lockDirectory(directory).release();
  });

  it('is refused in one sentence where there is no directory', () => {
    assert.throws(
      () => lockDirectory(join(directory, 'absent')),
      (error: Error) => {
        return error instanceof OperatorError && /cannot be written/.test(error.message);
      },
    );
  });
});
