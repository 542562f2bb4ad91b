import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../base/manual-clock.ts';
import type { BanSubject } from '../../policy/detection/bans/ban.ts';
import { Quarantine } from '../../policy/detection/quarantine.ts';
import { OperatorError } from '../config/problem.ts';
import { listQuarantine, releaseFromQuarantine } from './quarantine-desk.ts';

const NOW_MS = Date.parse('2026-07-06T08:00:00Z');

const CONFINED: readonly BanSubject[] = [
  { kind: 'clientId', value: 'd42' },
  // As a client may be called, and no operator writes it.
  { kind: 'clientId', value: 'd\u0007' },
  { kind: 'username', value: 'ann' },
  { kind: 'address', value: '2001:db8::1' },
  { kind: 'address', value: '192.0.2.7' },
  { kind: 'network', value: '192.0.2.0/24' },
  { kind: 'certificate', value: 'ab'.repeat(32) },
];

function confined(): Quarantine {
  const quarantine = new Quarantine({ clock: new ManualClock(), onChange: () => undefined });
  for (const subject of CONFINED) quarantine.confine(subject, 60_000);
  return quarantine;
}

test('whatever is listed is let go as it is listed', () => {
  const quarantine = confined();
  const listed = listQuarantine(quarantine, NOW_MS);
  assert.equal(listed.length, CONFINED.length);
  for (const { subject } of listed) assert.equal(releaseFromQuarantine(quarantine, subject, NOW_MS).subject, subject);
  assert.deepEqual(listQuarantine(quarantine, NOW_MS), []);
});

test('a subject is read as that of a ban, and what still confines it is told', () => {
  const quarantine = confined();
  const network = { subject: 'network:192.0.2.0/24', expiresInMs: 60_000, expiresAt: '2026-07-06T08:01:00.000Z' };
  assert.deepEqual(releaseFromQuarantine(quarantine, '::ffff:192.0.2.7', NOW_MS), {
    subject: 'address:192.0.2.7',
    quarantined: [network],
  });
  assert.deepEqual(releaseFromQuarantine(quarantine, '2001:DB8:0::1', NOW_MS), {
    subject: 'address:2001:db8::1',
    quarantined: [],
  });
  assert.equal(releaseFromQuarantine(quarantine, '192.0.2.99/24', NOW_MS).subject, 'network:192.0.2.0/24');
});

test('who is not confined cannot be let go, and the answer says why', () => {
  const quarantine = confined();
  const refused = (text: string, says: RegExp): void =>
    assert.throws(
      () => releaseFromQuarantine(quarantine, text, NOW_MS),
      (error: Error) => error instanceof OperatorError && says.test(error.message),
      text,
    );
  refused(
    '192.0.2.9',
    /^address:192\.0\.2\.9 is not in quarantine itself; it is confined by .* network:192\.0\.2\.0\/24\.$/,
  );
  refused('user:bob', /^user:bob is not in quarantine itself; `sallyport quarantine list` shows who is\.$/);
  refused('d42', /^"d42" is nobody to ban or confine: give one of address:/);
  refused('usr:ann', /did you mean user:\?/);
  releaseFromQuarantine(quarantine, 'user:ann', NOW_MS);
  refused('user:ann', /^user:ann is not in quarantine itself/);
});
