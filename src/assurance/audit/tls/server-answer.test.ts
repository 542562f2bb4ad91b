import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GOOD_SUITES, TLS13_SUITES } from './cipher-suites.ts';
import { type Offer, SSL2, TLS12, TLS13, X25519MLKEM768 } from './client-hello.ts';
import { type Answer, readAnswer } from './server-answer.ts';

const RETRY = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c';
const RANDOM = '11'.repeat(32);
const OFFER12: Offer = { version: TLS12, suites: GOOD_SUITES };
const OFFER13: Offer = { version: TLS13, suites: TLS13_SUITES, groups: [X25519MLKEM768] };
const OFFER2: Offer = { version: SSL2, suites: [] };

const size = (bytes: number, octets: number): string => bytes.toString(16).padStart(2 * octets, '0');
const record = (type: string, body: string, length = body.length / 2): string => `${type}0303${size(length, 2)}${body}`;
const message = (type: string, body: string): string => `${type}${size(body.length / 2, 3)}${body}`;
const hello = (version: string, random: string, suite: string, extensions = ''): string =>
  message(
    '02',
    `${version}${random}00${suite}00${extensions === '' ? '' : size(extensions.length / 2, 2) + extensions}`,
  );
const HRR = hello('0303', RETRY, '1301', '002b00020304003300 0211ec'.replaceAll(' ', ''));
const FLIGHT =
  hello('0303', RANDOM, 'c02f') + message('0b', '000004000001aa') + message('0d', '00') + message('0e', '');

/** What is sent, to which offer, and what it means; 'nonsense' where it may not mean anything. */
const CASES: readonly (readonly [
  says: string,
  offer: Offer,
  hex: string,
  wanted: Partial<Answer> | 'more',
  isFlightWanted?: boolean,
])[] = [
  [
    'a ServerHello',
    OFFER12,
    record('16', hello('0303', RANDOM, 'c02f')),
    { kind: 'accepted', version: TLS12, suite: 0xc02f },
  ],
  [
    'one of an older version',
    OFFER12,
    record('16', hello('0301', RANDOM, 'c02f')),
    { kind: 'accepted', version: 0x0301 },
  ],
  [
    'a request for a key share',
    OFFER13,
    record('16', HRR),
    { kind: 'accepted', version: TLS13, group: X25519MLKEM768 },
  ],
  [
    'the same, with what follows it',
    OFFER13,
    record('16', HRR) + record('14', '01'),
    { kind: 'accepted', group: X25519MLKEM768 },
  ],
  [
    'a whole flight',
    OFFER12,
    record('16', FLIGHT),
    { kind: 'accepted', asksCertificate: true, certificates: [Buffer.of(0xaa)] },
    true,
  ],
  ['an alert', OFFER12, record('15', '0228'), { kind: 'refused', by: 'alert handshake_failure' }],
  [
    'a warning, then a ServerHello',
    OFFER12,
    record('15', '0170') + record('16', hello('0303', RANDOM, 'c02f')),
    { kind: 'accepted' },
  ],
  ['a server that has trouble of its own', OFFER12, record('15', '0250'), { kind: 'nonsense' }],
  ['a suite that was not offered', OFFER12, record('16', hello('0303', RANDOM, '0005')), { kind: 'nonsense' }],
  ['a version that was not offered', OFFER12, record('16', hello('0304', RANDOM, 'c02f')), { kind: 'nonsense' }],
  ['a group that was not offered', OFFER13, record('16', HRR.replace('11ec', '001d')), { kind: 'nonsense' }],
  ['a key share out of nothing', OFFER13, record('16', HRR.replace(RETRY, RANDOM)), { kind: 'nonsense' }],
  ['HTTP', OFFER12, Buffer.from('HTTP/1.1 400 Bad Request\r\n').toString('hex'), { kind: 'nonsense' }],
  ['a record of 64 KiB', OFFER12, record('16', '02', 0xffff), { kind: 'nonsense' }],
  ['an empty record', OFFER12, record('16', ''), { kind: 'nonsense' }],
  ['half a ServerHello', OFFER12, record('16', hello('0303', RANDOM, 'c02f').slice(0, 40)), 'more'],
  ['a ServerHello without a body', OFFER12, record('16', message('02', '0303')), { kind: 'nonsense' }],
  ['SERVER-HELLO of SSL 2', OFFER2, '8010040000000200000000000010', { kind: 'accepted', version: SSL2 }],
  ['an error of SSL 2', OFFER2, '8003000001', { kind: 'refused' }],
  ['an alert to SSL 2', OFFER2, '15030100020246', { kind: 'refused', by: 'alert protocol_version' }],
];

for (const [says, offer, hex, wanted, isFlightWanted = false] of CASES) {
  test(`${says}, whole and byte by byte`, () => {
    const bytes = Buffer.from(hex, 'hex');
    const answer = readAnswer(bytes, { offer, isFlightWanted });
    if (wanted === 'more') assert.equal(answer, undefined);
    else assert.partialDeepStrictEqual(answer, wanted);
    let early: Answer | undefined;
    for (let length = 0; length <= bytes.length && early === undefined; length++)
      early = readAnswer(bytes.subarray(0, length), { offer, isFlightWanted });
    assert.equal(early?.kind, answer?.kind);
  });
}

test('whatever comes is answered without an exception, and never a yes to what was not offered', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(OFFER12, OFFER13, OFFER2),
      fc.boolean(),
      (noise, offer, isFlightWanted) => {
        for (const start of ['', '16030300', '1503', '8010']) {
          const answer = readAnswer(Buffer.concat([Buffer.from(start, 'hex'), noise]), { offer, isFlightWanted });
          if (answer?.kind === 'accepted' && offer.version !== SSL2) assert.ok(offer.suites.includes(answer.suite));
        }
      },
    ),
  );
});
