import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemChance } from '../../base/chance.ts';
import { FileFaultError } from '../../base/file-fault.ts';
import { decodeBase32, encodeBase32, matchingStep, otpauthUri, stepAt, totpCode } from './totp.ts';
import { enrol, hashRecoveryCode, isRecoveryCode, parseTotpFile } from './totp-file.ts';

const SECRET = Buffer.from('12345678901234567890');

test('codes are those of RFC 6238, appendix B', () => {
  for (const [seconds, code] of [
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ] as const) {
    assert.equal(totpCode(SECRET, stepAt(seconds * 1000), 8), code);
  }
});

test('codes are those of RFC 4226, appendix D', () => {
  const codes = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'];
  assert.deepEqual(
    codes.map((_, step) => totpCode(SECRET, step)),
    codes,
  );
});

test('a code is taken one step early and one late, and no further', () => {
  const nowMs = 1_700_000_000_000;
  const now = stepAt(nowMs);
  for (const drift of [-1, 0, 1]) assert.equal(matchingStep(SECRET, totpCode(SECRET, now + drift), nowMs), now + drift);
  for (const drift of [-2, 2]) assert.equal(matchingStep(SECRET, totpCode(SECRET, now + drift), nowMs), undefined);
  for (const code of ['', '12345', '1234567', 'abcdef', '12345\u00e9']) {
    assert.equal(matchingStep(SECRET, code, nowMs), undefined);
  }
});

test('base32 is that of RFC 4648, and has one spelling', () => {
  for (const [text, encoded] of [
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ] as const) {
    assert.equal(encodeBase32(Buffer.from(text)), encoded);
    assert.equal(decodeBase32(encoded)?.toString(), text);
  }
  for (const wrong of ['MY======', 'my', 'M1', 'MZ', 'A', 'M Y']) assert.equal(decodeBase32(wrong), undefined, wrong);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => decodeBase32(encodeBase32(bytes))!.equals(bytes)));
});

test('the URI is one that authenticator apps read', () => {
  assert.equal(
    otpauthUri('Sallyport', 'ada l', SECRET),
    'otpauth://totp/Sallyport:ada%20l?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sallyport',
  );
});

test('an enrolment has a secret of 20 bytes and ten recovery codes, of which the file keeps hashes', () => {
  const { line, secret, recoveryCodes } = enrol('ada', systemChance);
  const user = parseTotpFile(`# comment\n\n${line}\n`, 'totp').get('ada')!;
  assert.deepEqual(user.secret, secret);
  assert.equal(user.recovery.size, 10);
  for (const code of recoveryCodes) {
    assert.ok(isRecoveryCode(code) && user.recovery.has(hashRecoveryCode('ada', code)));
    assert.ok(!user.recovery.has(hashRecoveryCode('grace', code)));
    assert.ok(!line.includes(code));
  }
});

test('a file that is wrong anywhere is refused, each line with its fault, and no secret quoted', () => {
  const secret = encodeBase32(SECRET);
  const text = [
    'ada',
    `:${secret}`,
    'ada:SHORT',
    `ada:${secret}`,
    `ada:${secret}`,
    `a/b:${secret}`,
    `eve:${secret}:x`,
    `eve:${secret}::`,
  ];
  try {
    parseTotpFile(text.join('\n'), 'totp');
  } catch (error) {
    assert.ok(error instanceof FileFaultError);
    assert.deepEqual(
      error.faults.map(({ line }) => line),
      [1, 2, 3, 5, 6, 7, 8],
    );
    assert.doesNotMatch(error.message, /SHORT|GEZD/);
    return;
  }
  assert.fail('accepted');
});
