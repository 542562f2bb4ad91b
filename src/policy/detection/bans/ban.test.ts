import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBanSubject, subjectText } from './ban.ts';

const HEX = 'ab'.repeat(32);

test('whom a text bans has one spelling, however it was written', () => {
  const cases: [text: string, subject: string][] = [
    ['192.0.2.7', 'address:192.0.2.7'],
    ['address:192.0.2.7', 'address:192.0.2.7'],
    ['::ffff:192.0.2.7', 'address:192.0.2.7'],
    ['2001:DB8:0::1', 'address:2001:db8::1'],
    ['192.0.2.7/24', 'network:192.0.2.0/24'],
    ['192.0.2.7/32', 'address:192.0.2.7'],
    ['network:2001:db8::1/128', 'address:2001:db8::1'],
    ['::ffff:192.0.2.0/120', 'network:192.0.2.0/24'],
    ['2001:db8:1:2:3::/64', 'network:2001:db8:1:2::/64'],
    ['user:pump-7', 'user:pump-7'],
    ['user:10.0.0.1', 'user:10.0.0.1'],
    ['client:a:b', 'client:a:b'],
    [`certificate:${HEX.toUpperCase()}`, `certificate:${HEX}`],
    [`certificate:${HEX.match(/../g)!.join(':')}`, `certificate:${HEX}`],
  ];
  for (const [text, expected] of cases) {
    const subject = parseBanSubject(text);
    assert.ok(typeof subject !== 'string', `${text}: ${String(subject)}`);
    assert.equal(subjectText(subject), expected, text);
  }
});

test('what is nobody to ban or confine is refused with a hint', () => {
  const cases: [text: string, says: RegExp][] = [
    ['192.0.2.256', /is nobody to ban or confine: give one of address:/],
    ['192.0.2.0/33', /is nobody to ban or confine/],
    ['192.0.2.0/', /is nobody to ban or confine/],
    ['0.0.0.0/0', /^"0\.0\.0\.0\/0" is everybody: name a smaller network/],
    ['::/0', /is everybody/],
    ['::ffff:0.0.0.0/95', /is nobody to ban or confine/],
    ['fe80::1%eth0', /is nobody to ban or confine/],
    ['', /is nobody to ban or confine/],
    ['clent:d42', /did you mean client:\?/],
    ['client:', /"client:" names no client; it looks like client:d42/],
    ['user:a\nb', /names no user/],
    ['certificate:abcd', /names no certificate/],
    ['address:192.0.2.0/24', /names no address/],
    [`user:${'x'.repeat(1025)}`, /names no user/],
  ];
  for (const [text, says] of cases) {
    const answer = parseBanSubject(text);
    assert.ok(typeof answer === 'string', text);
    assert.match(answer, says);
  }
});
