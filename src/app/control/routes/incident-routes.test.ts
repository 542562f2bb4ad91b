import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectIncident } from '../../observability/incident/incident.ts';
import { incidentRecord, reportOn } from '../../observability/incident/incident-report.ts';
import type { JournalRecord } from '../../observability/journal/record.ts';
import { fits } from '../../observability/journal/searched-fields.ts';
import { incidentSchema } from './incident-routes.ts';

const AT_MS = 1_700_000_000_000;
const facts = {
  connectionId: 'c1',
  listener: 'tcp',
  address: '192.0.2.7',
  port: 1,
  clientId: 'pump-7',
  username: 'ann',
};
const decision = { by: 'policy:default', reason: 0x87, says: 'no grant' };

function record(n: number, k: JournalRecord['k'], d: JournalRecord['d']): JournalRecord {
  return { n, t: AT_MS + n, k, d, h: '' };
}

test('an incident is what the document of the API says, to the last key', async () => {
  const records = [
    record(1, 'event', { name: 'publish.refused', topic: 'a/b', qos: 1, ...facts, ...decision, suppressed: 3 }),
    record(2, 'event', { name: 'authentication.failed', method: 'users', ...facts, ...decision }),
    record(3, 'event', { name: 'ban.added', subjectKind: 'address', subject: '192.0.2.7', reason: 'x', author: 'y' }),
    record(4, 'action', { name: 'ban-remove', by: 'local:ann', words: ['192.0.2.7'], outcome: 'done' }),
    // Of a later version.
    record(5, 'event', { name: 'something.new', address: '192.0.2.7' }),
  ];
  const subject = { kind: 'address', value: '192.0.2.7' } as const;
  const incident = await collectIncident({ subject, sinceMs: AT_MS, untilMs: AT_MS + 1000 }, async ({ fields }) =>
    records.filter((each) => fits(each, fields)).reverse(),
  );
  assert.equal(incident.records, 5);
  const ban = { subject: '192.0.2.7', reason: 'x', author: 'operator:ann', expiresAt: null };
  const client = { clientId: 'pump-7', username: null, address: '192.0.2.7', connectedAt: null };
  const live = { isRunning: true, isBanned: true, allowedBy: null, bans: [ban], clients: [client], silentWorkers: [] };
  for (const known of [live, undefined]) incidentSchema.parse(incidentRecord(reportOn(incident, known)));
});
