import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const textOf = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** What the allocator is told, in the words of one file. */
function tunablesIn(path: string, pattern: RegExp): string {
  return pattern.exec(textOf(path))?.[1] ?? assert.fail(`${path} tells the allocator nothing`);
}

test('every way to start the gateway that we ship gives memory of hashing back to the system', () => {
  const ofUnit = tunablesIn('deploy/sallyport.service', /^Environment=GLIBC_TUNABLES=(\S+)$/m);
  assert.match(ofUnit, /mmap_threshold=/);
  assert.equal(tunablesIn('deploy/Containerfile', /^ENV GLIBC_TUNABLES=(\S+)$/m), ofUnit);
  assert.equal(tunablesIn('package.json', /"start": .*GLIBC_TUNABLES:-([^}]+)\}/), ofUnit);
});
