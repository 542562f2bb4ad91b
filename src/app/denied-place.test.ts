import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadConfig } from './config/load.ts';
import { ConfigError, OperatorError } from './config/problem.ts';
import { lockDirectory } from './control/directory-lock.ts';
import { denialOf } from './denied-place.ts';

const OWN_UID = process.getuid!();
const OTHER_UID = OWN_UID === 65_534 ? 65_533 : 65_534;

describe('a denial', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'sallyport-denied-'));
    writeFileSync(join(directory, 'sallyport.yaml'), 'listeners: []\n', { mode: 0o600 });
    mkdirSync(join(directory, 'data'), { mode: 0o700 });
  });
  after(() => rmSync(directory, { recursive: true }));

  it('names the path, whose it is, who asks, and who may or what gives it', () => {
    const file = join(directory, 'sallyport.yaml');
    assert.equal(
      denialOf(file, { todo: 'read', uid: OTHER_UID }),
      `user ${OTHER_UID} may not read ${file}, which belongs to user ${OWN_UID} and has the mode 600: run this as user ${OWN_UID}, or give it to this one with chown ${OTHER_UID} ${file}`,
    );
    assert.match(denialOf(file, { todo: 'read', uid: OWN_UID }), /mode 600: change that with chmod u\+rwX .*yaml$/);
  });

  it('names the directory that is in the way, and gives nothing away that is above what is asked for', () => {
    const data = join(directory, 'data');
    assert.equal(
      denialOf(join(data, 'a', 'b'), { todo: 'write', uid: OTHER_UID }),
      `user ${OTHER_UID} may not make ${join(data, 'a', 'b')} in ${data}, which belongs to user ${OWN_UID} and has the mode 700: run this as user ${OWN_UID}, or name another place`,
    );
    assert.match(
      denialOf(join(data, 'pid'), { todo: 'write', tree: data, uid: OTHER_UID }),
      new RegExp(`give it to this one with chown -R ${OTHER_UID} ${data}$`),
    );
  });

  /** As somebody whom the system denies it: another user where this is root, who may do anything. */
  async function denied(path: string, act: () => unknown): Promise<Error> {
    const isRoot = process.geteuid!() === 0;
    chmodSync(directory, 0o755);
    if (isRoot) process.seteuid!(OTHER_UID);
    else chmodSync(path, 0);
    try {
      await act();
    } catch (error) {
      return error as Error;
    } finally {
      if (isRoot) process.seteuid!(0);
      else chmodSync(path, 0o700);
    }
    return assert.fail(`${path} was not denied`);
  }

  it('is what a configuration that may not be read is refused with, and the place of the file', async () => {
    const file = join(directory, 'sallyport.yaml');
    const error = await denied(file, () => loadConfig(file));
    assert.ok(error instanceof ConfigError);
    assert.match(
      error.message,
      /sallyport\.yaml:1:1: user \d+ may not read .*sallyport\.yaml, .* belongs to user \d+ /,
    );
  });

  it('is what a data directory that may not be written is refused with', async () => {
    const data = join(directory, 'data');
    const error = await denied(data, () => lockDirectory(data));
    assert.ok(error instanceof OperatorError);
    assert.match(
      error.message,
      /^The data directory .*data cannot be written: user \d+ may not make .*lock in .*data, which belongs to user \d+ and has the mode \d+: .*(chown -R \d+|chmod u\+rwX) \S*data\.$/,
    );
  });
});
