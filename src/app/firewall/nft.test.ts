import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failed } from './nft.ts';

const errorWith = (fields: object): Error => Object.assign(new Error('Command failed: nft -f -'), fields);

test('where nft is not there, or may change nothing, that is said with the cure', () => {
  assert.deepEqual(failed(errorWith({ code: 'ENOENT' }), ''), {
    ok: false,
    says: 'nft is not installed: install the package nftables',
    isAbsent: false,
  });
  for (const stderr of ['Operation not permitted (you must be root)\n', 'netlink: Error: Permission denied\n']) {
    const outcome = failed(errorWith({ code: 1 }), stderr);
    assert.ok(!outcome.ok);
    assert.match(outcome.says, /run as root, or give the capability CAP_NET_ADMIN/);
  }
  const mayNotRun = failed(errorWith({ code: 'EACCES' }), '');
  assert.ok(!mayNotRun.ok && mayNotRun.says.includes('CAP_NET_ADMIN'));
});

test('one that hangs, and what it says itself, are told in one line', () => {
  const hung = failed(errorWith({ killed: true, code: null }), '');
  assert.ok(!hung.ok);
  assert.equal(hung.says, 'nft had not ended after 30 s');
  const absent = failed(errorWith({ code: 1 }), 'Error: No such file or directory\nlist table inet x\n');
  assert.deepEqual(absent, { ok: false, says: 'nft: Error: No such file or directory', isAbsent: true });
});
