import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceProblems } from './upstream-references.ts';

const ODD = [null, 5, true, {}, [], [null], [5], [[]], [{}], { url: 'mqtt://127.0.0.1' }];
const KNOWN = { upstream: 'a', upstreams: [{ name: 'a', targets: [{ url: 'mqtt://127.0.0.1:1' }] }] };

test('what is of another kind than it should be names nothing, and what is right beside it is still looked at', () => {
  for (const odd of ODD) {
    assert.deepEqual(referenceProblems({ ...KNOWN, upstream: odd }), [], JSON.stringify(odd));
    assert.deepEqual(referenceProblems({ ...KNOWN, routes: odd, listeners: odd, response: odd }), []);
    const [problem, ...more] = referenceProblems({ ...KNOWN, upstreams: odd, routes: [odd, { upstream: odd }] });
    assert.deepEqual([problem?.path, more], [['upstream'], []], JSON.stringify(odd));
    for (const upstreams of [
      [{ name: odd }],
      [{ targets: odd }],
      [{ targets: [odd] }],
      [{ targets: [{ url: odd }] }],
    ]) {
      assert.deepEqual(referenceProblems({ upstreams, listeners: [{ name: odd, address: odd, port: odd }] }), []);
    }
  }
});
