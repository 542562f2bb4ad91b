import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redactLines, shownEvidence } from './evidence-text.ts';

test('what looks like a secret is not shown', () => {
  for (const [text, secret] of [
    ['password = hunter2', 'hunter2'],
    ['"password": "hunter2", "user": "ann"', 'hunter2'],
    ["node.cookie = 'hunter2'", 'hunter2'],
    ['api_key: hunter2', 'hunter2'],
    ['redis://ann:hunter2@cache.example:6379/0', 'hunter2'],
    ['root:$6$salt$8f7a.hash/x:19000:0:99999:7:::', '8f7a'],
    ['pump:$7$101$c2FsdA==$aGFzaA==', 'aGFzaA'],
    ['$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA', 'aGFzaA'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2\n-----END RSA PRIVATE KEY-----', 'hunter2'],
    ['-----BEGIN PRIVATE KEY-----\nMIIEhunter2, and cut off', 'hunter2'],
  ] as const) {
    assert.ok(!shownEvidence(text).includes(secret), shownEvidence(text));
  }
});

test('secrets in the lines of a configuration are not shown, and what only names one is', () => {
  const lines = [
    ' remote_password hunter2',
    '+auth_opt_redis_password hunter2',
    '-\tplugin_opt_pg_pass hunter2 and more',
    ' auth_opt_jwt_secret hunter2',
    ' password = hunter2',
  ];
  const shown = redactLines(lines.join('\n'));
  assert.doesNotMatch(shown, /hunter2/);
  assert.equal(shown.split('\n').length, lines.length);
  for (const line of [
    ' password_file /etc/mosquitto/passwd',
    ' psk_hint plant',
    '-PasswordAuthentication yes',
    ' topic x',
  ]) {
    assert.equal(redactLines(line), line);
  }
});

test('what is no secret stays as it is', () => {
  for (const text of [
    'permitrootlogin yes',
    'allow_anonymous true at line 4',
    '74 pending: libssl3 3.0.17-1~deb12u2',
  ]) {
    assert.equal(shownEvidence(text), text);
  }
});

test('control characters, terminal escapes and text that runs backwards become visible', () => {
  assert.equal(shownEvidence('a\u001b[2Jb\u0000c\u202ed\ne\u009bf'), 'a\\u001b[2Jb\\u0000c\\u202ed e\\u009bf');
});

test('a text is bounded, and a bounded text is well-formed', () => {
  assert.equal(shownEvidence('x'.repeat(1_000_000)).length, 400);
  assert.ok(shownEvidence(`${'x'.repeat(398)}${'😀'.repeat(10)}`).isWellFormed());
});
