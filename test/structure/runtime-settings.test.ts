import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const UNIT = 'deploy/sallyport.service';
const CONTAINER = 'deploy/Containerfile';
const PACKAGE = 'package.json';

const textOf = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** What one file gives the process, in its words. */
function settingIn(path: string, pattern: RegExp): string {
  return pattern.exec(textOf(path))?.[1] ?? assert.fail(`${path} has nothing that matches ${pattern}`);
}

test('every way to start the gateway that we ship gives memory of hashing back to the system', () => {
  const ofUnit = settingIn(UNIT, /^Environment=GLIBC_TUNABLES=(\S+)$/m);
  assert.match(ofUnit, /mmap_threshold=/);
  assert.equal(settingIn(CONTAINER, /^ENV GLIBC_TUNABLES=(\S+)$/m), ofUnit);
  assert.equal(settingIn(PACKAGE, /"start": .*GLIBC_TUNABLES:-([^}]+)\}/), ofUnit);
});

test('every way to start the gateway that we ship has as many helper threads as processors are left for them', () => {
  const ofUnit = settingIn(UNIT, /^Environment=NODE_OPTIONS=(\S+)$/m);
  assert.equal(ofUnit, '--v8-pool-size=0');
  assert.equal(settingIn(CONTAINER, /^ENV NODE_OPTIONS=(\S+)$/m), ofUnit);
  assert.equal(settingIn(PACKAGE, /"start": .* node (\S+) bin\/sallyport\.mjs start"/), ofUnit);
});

test('the unit lets threads in the background yield, whatever else it keeps from the process', () => {
  const filters = [...textOf(UNIT).matchAll(/^SystemCallFilter=(.*)$/gm)].map(([, filter]) => filter!);
  const isForbidden = filters.findIndex((filter) => filter.startsWith('~') && filter.includes('@resources'));
  assert.ok(filters.indexOf('setpriority') > isForbidden, filters.join('\n'));
});
