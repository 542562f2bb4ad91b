import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedAddress } from '../app/observability/journal/searched-fields.ts';
import { eventHint } from './journal-hint.ts';

test('that nothing was found is explained where the name is misspelt, or of what the journal does not keep', () => {
  const cases: [wanted: string, says: RegExp | undefined][] = [
    ['publish.refused', undefined],
    ['authentication.*', undefined],
    ['ban-add', undefined],
    ['seal', undefined],
    ['*', undefined],
    ['authentication.fialed', /Did you mean authentication\.failed\?/],
    ['connection.acepted', /Names are such as|Did you mean/],
    ['connection.accepted', /The journal does not keep connection\.accepted: look in the log/],
    ['zzz*', /Nothing that is known here is called zzz\*\. Names are such as/],
  ];
  for (const [wanted, says] of cases) {
    const hint = eventHint(wanted);
    if (says === undefined) assert.equal(hint, undefined, wanted);
    else assert.match(hint ?? '', says, wanted);
  }
});

test('an address is looked for as records have it, and what is none is refused', () => {
  assert.equal(wantedAddress('2001:DB8::0:1'), '2001:db8::1');
  assert.equal(wantedAddress('::ffff:192.0.2.7'), '192.0.2.7');
  assert.equal(wantedAddress('192.0.2.*'), '192.0.2.*');
  for (const text of ['999.1.1.1', '192.0.2.0/24', ''])
    assert.throws(() => wantedAddress(text), /is no address: give one such as 192\.0\.2\.7, or the beginning/);
});
