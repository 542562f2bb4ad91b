import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { eventLine } from './events-command.ts';
import { wrapped } from './wrapped.ts';

const RED = '\u001b[31m';
const PLAIN = '\u001b[39m';

describe('text at a margin', () => {
  it('is one line where there is room, and where nobody reads it on a terminal', () => {
    assert.equal(wrapped('the client  is away', 11, 30), 'the client  is away');
    assert.equal(wrapped('the client  is away', 11, Number.POSITIVE_INFINITY), 'the client  is away');
  });

  it('is broken between words, and goes on at the margin', () => {
    assert.equal(wrapped('the client is away', 4, 14), 'the client\n    is away');
    assert.equal(wrapped('the client is away', 4, 13), 'the\n    client is\n    away');
  });

  it('keeps a word whole that is longer than a line: it may be a name', () => {
    assert.equal(wrapped('of pump-station-17 here', 2, 10), 'of\n  pump-station-17\n  here');
  });

  it('counts what is seen: no colours', () => {
    assert.equal(wrapped(`${RED}the client${PLAIN} is away`, 4, 22), `${RED}the client${PLAIN} is away`);
    assert.equal(wrapped(`${RED}the client${PLAIN} is away`, 4, 17), `${RED}the client${PLAIN} is\n    away`);
  });
});

describe('an event', () => {
  const event = { time: '2026-07-06T08:00:00.000Z', event: 'connect.refused', style: 'yellow' } as const;
  const says = 'client pump-17 of 192.0.2.7 is refused: the password is wrong';
  const linesAt = (widthMax?: number) => stripVTControlCharacters(eventLine({ ...event, says }, widthMax)).split('\n');

  it('is one line where there is room, and where nobody reads it on a terminal', () => {
    const line = `2026-07-06T08:00:00.000Z connect.refused          ${says}`;
    assert.deepEqual(linesAt(), [line]);
    assert.deepEqual(linesAt(line.length), [line]);
  });

  it('says what happened on lines of their own where there is no room, and leaves nothing out', () => {
    assert.deepEqual(linesAt(48), [
      '2026-07-06T08:00:00.000Z connect.refused',
      '  client pump-17 of 192.0.2.7 is refused: the',
      '  password is wrong',
    ]);
  });
});
