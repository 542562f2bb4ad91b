import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfig } from '../app/config/load.ts';
import { systemClock } from '../base/clock.ts';
import { deepCheck } from './deep-check.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-deep-check-'));
after(() => rmSync(directory, { recursive: true }));
writeFileSync(join(directory, 'latin'), Buffer.from('topic read a\ntopic deny m\xfcll/#\n', 'latin1'));
for (const name of ['users', 'acl', 'short']) writeFileSync(join(directory, name), name === 'short' ? 'short' : '');

async function findings(section: string): Promise<string[]> {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, `listeners: [{ name: a, type: tcp, address: 127.0.0.1, port: 0 }]\n${section}\n`);
  return (await deepCheck((await loadConfig(file)).config, systemClock)).findings.map(({ says }) => says);
}

describe('what a start would refuse is found before', () => {
  it('and nothing where all is right', async () => {
    assert.deepEqual(await findings(''), []);
  });

  for (const [section, says] of [
    ['authentication: { passwordFile: nope }', /^The password file .*nope cannot be read \(ENOENT\); .*passwd add/],
    ['control: { port: 0, certificate: nope }', /nope \(control\.certificate\) cannot be read \(ENOENT\): correct/],
    [
      'metrics: { port: 0, token: { file: nope } }',
      /^The secret in .*nope cannot be read \(ENOENT\): correct the path\./,
    ],
    ['metrics: { port: 0, token: { file: short } }', /metrics\.token is too short: make one/],
    ['alerts: { receivers: [{ name: a, type: slack, url: { file: nope } }] }', /^The secret in .*nope cannot be read/],
    ['authorization: { aclFile: latin }', /^This is not UTF-8 text\. Save the file as UTF-8\./],
    ['authentication: { passwordFile: latin }', /^This is not UTF-8 text\./],
    ['dataDirectory: acl', /acl \(dataDirectory\) is no directory/],
  ] as const) {
    it(section, async () => {
      assert.match((await findings(section)).join('\n'), new RegExp(says.source, 'm'));
    });
  }
});
