import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareDebianVersions } from './debian-version.ts';

test('versions are ordered as dpkg orders them', () => {
  // Each is older than the next; from deb-version(7) and the ways that security updates are numbered.
  const ordered = [
    '1.0~~',
    '1.0~~a',
    '1.0~',
    '1.0',
    '1.0-1~deb12u1',
    '1.0-1',
    '1.0-1+deb12u1',
    '1.0-1+deb12u2',
    '1.0-1+deb12u10',
    '1.0-1.1',
    '1.0a',
    '1.0+dfsg',
    '1.0.1',
    '1.9',
    '1.10',
    '1:0.1',
  ];
  for (let i = 1; i < ordered.length; i++) {
    const [older, newer] = [ordered[i - 1]!, ordered[i]!];
    assert.ok(compareDebianVersions(older, newer) < 0, `${older} < ${newer}`);
    assert.ok(compareDebianVersions(newer, older) > 0, `${newer} > ${older}`);
    assert.equal(compareDebianVersions(newer, newer), 0);
  }
  assert.equal(compareDebianVersions('1.01', '1.1'), 0);
});
