import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listenError } from './listener-error.ts';

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`listen ${code}`), { code });
}

test('every failure to listen names the address and the cure', () => {
  const cases: [string, string, number, string, RegExp][] = [
    [
      'EADDRINUSE',
      '::',
      1883,
      'address_in_use',
      /^listener l: \[::\]:1883 is in use by another program; stop that one/,
    ],
    [
      'EACCES',
      '0.0.0.0',
      883,
      'permission_denied',
      /ports below 1024 .* choose a port from 1024 up, or grant CAP_NET_BIND/,
    ],
    ['EACCES', '0.0.0.0', 8883, 'permission_denied', /0\.0\.0\.0:8883 is refused by the system; choose another port/],
    ['EADDRNOTAVAIL', '192.0.2.1', 1883, 'address_not_available', /no address of this machine; choose one/],
    [
      'ENOTFOUND',
      'nowhere.invalid',
      1883,
      'address_not_available',
      /the host name nowhere\.invalid has no address; correct/,
    ],
    ['EMFILE', '::1', 1883, 'listen_failed', /cannot listen on \[::1\]:1883: listen EMFILE/],
  ];
  for (const [errno, host, port, code, message] of cases) {
    const error = listenError('l', host, port, failure(errno));
    assert.equal(error.code, code, errno);
    assert.match(error.message, message, errno);
  }
});
