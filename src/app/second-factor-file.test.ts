import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemChance } from '../base/chance.ts';
import { enrol } from '../policy/identity/totp-file.ts';
import type { Config } from './config/config.ts';
import { OperatorError } from './config/problem.ts';
import { readTotpUsers, SqliteUsedCodes } from './second-factor-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-totp-'));
after(() => rmSync(directory, { recursive: true }));

function config(totpFile?: string): Config {
  return { dataDirectory: directory, authentication: { totpFile } } as unknown as Config;
}

test('what was used stays used, for every process and after a restart', async () => {
  const path = join(directory, 'totp.sqlite');
  const [one, other] = [await SqliteUsedCodes.open(path), await SqliteUsedCodes.open(path)];
  assert.equal(one.useStep('ada', 100), true);
  for (const step of [100, 99]) assert.equal(other.useStep('ada', step), false);
  assert.equal(other.useStep('ada', 101), true);
  assert.equal(one.useStep('grace', 100), true);
  assert.equal(one.useRecovery('ada', 'hash'), true);
  assert.equal(other.useRecovery('ada', 'hash'), false);
  assert.equal(other.useRecovery('grace', 'hash'), true);
  one.close();
  other.close();
  const again = await SqliteUsedCodes.open(path);
  assert.equal(again.useStep('ada', 101), false);
  assert.equal(again.useRecovery('ada', 'hash'), false);
  assert.deepEqual(again.usedRecoveryOf('ada'), new Set(['hash']));
  again.close();
  // A file that cannot be written to accepts nothing.
  assert.throws(() => again.useStep('ada', 102));
});

test('a file that is none of ours is not written to', async () => {
  const path = join(directory, 'other');
  writeFileSync(path, 'not a database, but something that somebody wants to keep');
  await assert.rejects(SqliteUsedCodes.open(path), OperatorError);
});

test('nobody has a second factor where there is no file; one that is named has to be there, for its owner alone', async () => {
  assert.equal((await readTotpUsers(config())).size, 0);
  await assert.rejects(readTotpUsers(config(join(directory, 'missing'))), /sallyport totp add/);
  const file = join(directory, 'totp');
  writeFileSync(file, enrol('ada', systemChance).line, { mode: 0o600 });
  assert.equal((await readTotpUsers(config())).size, 1);
  chmodSync(file, 0o640);
  await assert.rejects(readTotpUsers(config()), /chmod 600/);
});
