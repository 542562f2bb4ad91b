import assert from 'node:assert/strict';
import { test } from 'node:test';
import { handshakeReason, verificationReason } from './tls-reason.ts';

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error('x'), { code });
}

test('handshake errors become plain words, whichever prefix OpenSSL gives them', () => {
  const cases: [string, string][] = [
    ['ERR_SSL_NO_SHARED_CIPHER', 'the client offers no cipher suite that this listener allows'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'the client offers only TLS versions that this listener refuses'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'the client does not speak TLS (wrong version number)'],
    ['ERR_SSL_HTTP_REQUEST', 'the client speaks HTTP without TLS'],
    [
      'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      "the client does not trust the authority of this listener's certificate (unknown CA)",
    ],
    [
      'ERR_SSL_SSL/TLS_ALERT_UNKNOWN_CA',
      "the client does not trust the authority of this listener's certificate (unknown CA)",
    ],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', "the client finds this listener's certificate bad"],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'the client found no common ground (handshake failure)'],
    ['ERR_SSL_BAD_EXTENSION', 'the TLS handshake failed (bad extension)'],
    ['ECONNRESET', 'the client closed in the middle of the TLS handshake'],
    ['', 'the TLS handshake failed'],
  ];
  for (const [code, says] of cases) assert.equal(handshakeReason(failure(code)), says, code);
});

test('certificate checks that fail become plain words', () => {
  assert.equal(verificationReason('CERT_NOT_YET_VALID'), 'the client certificate is not valid yet');
  assert.equal(
    verificationReason('PATH_LENGTH_EXCEEDED'),
    'the client certificate does not pass (path length exceeded)',
  );
});
