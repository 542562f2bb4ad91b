import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { configSchema } from '../config/schema.ts';
import { BanDesk } from './ban-desk.ts';
import { Bans } from './bans.ts';

it('a ban of a name that no operator could write is explained and taken back as it is listed', (t) => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'sallyport-ban-desk-'));
  const clock = new ManualClock();
  const { bans: rules } = configSchema(dataDirectory).parse({ listeners: [{ name: 'a', type: 'tcp', port: 0 }] });
  const bans = new Bans({ config: { bans: rules, dataDirectory }, clock, chance: systemChance, emit: () => undefined });
  t.after(() => {
    bans.close();
    rmSync(dataDirectory, { recursive: true });
  });
  const desk = new BanDesk(bans, () => 0);
  const subject = { kind: 'clientId', value: 'd\u001b[2J' } as const;
  bans.book.add({ subject, reason: 'floods', author: 'detector:flood' });
  const [listed] = desk.list().bans;
  assert.equal(desk.why([listed!.subject]).isBanned, true);
  assert.equal(desk.remove([listed!.subject], 'ann').isBanned, false);
  assert.equal(desk.count, 0);
  assert.throws(() => desk.why(['client:other\u001b']), /names no client/);
});
