import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { ClientSummary } from '../app/clients/client-facts.ts';
import { clientTable } from './client-text.ts';
import { prose, shortened, table } from './table.ts';
import { terminalColumns } from './terminal.ts';

const COLUMNS = ['subject', prose('by', 8), prose('reason')] as const;
const ROWS = [
  ['client:pump-7', 'operator:ann', 'floods site/# since the firmware of last week'],
  ['2001:db8::7', 'detector:scan', ''],
] as const;

function linesAt(widthMax?: number): string[] {
  return stripVTControlCharacters(table(COLUMNS, ROWS, widthMax)).split('\n');
}

describe('a table', () => {
  const whole = [
    'subject        by             reason',
    'client:pump-7  operator:ann   floods site/# since the firmware of last week',
    '2001:db8::7    detector:scan',
  ];

  it('is left as it is where nobody reads it on a terminal, and where there is room', () => {
    assert.deepEqual(linesAt(), whole);
    assert.deepEqual(linesAt(whole[1]!.length), whole);
  });

  it('shortens the widest prose first, and never what names somebody', () => {
    assert.deepEqual(linesAt(60), [
      'subject        by             reason',
      'client:pump-7  operator:ann   floods site/# since the firmw…',
      '2001:db8::7    detector:scan',
    ]);
    assert.deepEqual(linesAt(37), [
      'subject        by        reason',
      'client:pump-7  operato…  floods site…',
      '2001:db8::7    detecto…',
    ]);
  });

  it('has no line that is wider, however narrow it gets, while it has columns', () => {
    for (let widthMax = 37; widthMax <= 80; widthMax++) {
      const lines = linesAt(widthMax);
      assert.equal(lines.length, 3);
      assert.ok(Math.max(...lines.map((line) => line.length)) <= widthMax, `${widthMax}`);
      assert.match(lines[1]!, /^client:pump-7 {2}/);
    }
  });

  it('has one field a line where it does not fit at all: all of each, but for what is empty', () => {
    assert.deepEqual(linesAt(36), [
      'subject  client:pump-7',
      'by       operator:ann',
      'reason   floods site/# since the firmware of last week',
      '',
      'subject  2001:db8::7',
      'by       detector:scan',
    ]);
  });

  it('shows a client, its address and its figures whole on a terminal of eighty columns', () => {
    const client: ClientSummary = {
      ...{ connectionId: 'w1-c7', clientId: 'pump-17', username: 'pump-station-17', listener: 'mqtts-public' },
      ...{ upstream: 'embedded', address: '192.0.2.117', port: 50_000, protocolVersion: 5, isSecure: true },
      ...{ connectedAt: '2026-01-01T00:00:00.000Z', keepAliveS: 60, subscriptions: 3, isThrottled: true },
      ...{ verdict: 'suspect', messagesInPerSecond: 1, messagesOutPerSecond: 2, bytesInPerSecond: 3 },
      bytesOutPerSecond: 4,
    };
    const [head, row, ...rest] = stripVTControlCharacters(clientTable([client], 80)).split('\n');
    assert.deepEqual(rest, []);
    assert.ok(head!.length <= 80 && row!.length <= 80);
    assert.match(row!, /^pump-17 {2}pump-.*… {2}192\.0\.2\.117 {2}mqtt.*… {2}5\.0 .* 1 .* 2 .* 3 .*susp/);
  });
});

describe('a terminal', () => {
  it('bounds a table where it is one and tells its columns', () => {
    assert.equal(terminalColumns({ isTTY: true, columns: 72 }), 72);
    assert.equal(terminalColumns({ isTTY: true, columns: 0 }), Number.POSITIVE_INFINITY);
    assert.equal(terminalColumns({ isTTY: false, columns: 72 }), Number.POSITIVE_INFINITY);
  });
});

describe('a text that is shortened', () => {
  it('is not cut within a character', () => {
    assert.equal(shortened('pump', 4), 'pump');
    assert.equal(shortened('pumps', 4), 'pum…');
    assert.equal(shortened('ab\u{1f512}cd', 4), 'ab…');
  });
});
