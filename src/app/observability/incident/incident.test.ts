import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { GatewayEvent } from '../../../base/events.ts';
import type { JournalRecord } from '../journal/record.ts';
import { fits } from '../journal/searched-fields.ts';
import { adviceFor } from './advice.ts';
import { collectIncident, type Incident, type IncidentKind, readIncidentSubject } from './incident.ts';
import { incidentHtml } from './incident-html.ts';
import { incidentRecord, reportOn } from './incident-report.ts';
import { incidentText } from './incident-text.ts';
import type { Live } from './live.ts';
import { shellWord } from './shell-word.ts';

const HOSTILE = [
  '\u001b[2J\u001b]0;pwned\u0007',
  '"><script>alert(1)</script>',
  "'; touch pwned; '",
  '$(touch pwned) `touch pwned`',
  '\u202egnp.exe\u2028next\r\nline\u200b',
].join(' ');

const facts = { connectionId: 'c1', listener: 'tcp', address: '192.0.2.7', port: 1, protocolVersion: 5 } as const;
const denied = { by: 'policy:default', reason: 0x87, says: 'no grant' };

/** A journal of these, a second apart. */
function journal(...contents: readonly (GatewayEvent | { action: string; words: string[] })[]) {
  const records = contents.map((content, i): JournalRecord => {
    const t = 1_700_000_000_000 + i * 1000;
    if ('name' in content) return { n: i + 1, t, k: 'event', d: { ...content }, h: '' };
    const d = { name: content.action, by: 'local:ann', from: 'control socket', words: content.words, outcome: 'done' };
    return { n: i + 1, t, k: 'action', d, h: '' };
  });
  return (kind: IncidentKind, value: string): Promise<Incident> =>
    collectIncident(
      { subject: readIncidentSubject(kind, value), sinceMs: 1_700_000_000_000, untilMs: 1_700_001_000_000 },
      async ({ fields, limit }) =>
        records
          .filter((record) => fits(record, fields))
          .reverse()
          .slice(0, limit),
    );
}

function refused(topic: string, clientId = 'pump-7', username = 'ann', address: string = facts.address): GatewayEvent {
  const publish = { topic, qos: 0, retain: false, action: 'refused' } as const;
  return { name: 'publish.refused', ...publish, ...facts, clientId, username, address, ...denied };
}

function failed(address: string = facts.address): GatewayEvent {
  const decision = { by: 'users:/var/lib/sallyport/users.sqlite', reason: 0x86, says: 'the password is wrong' };
  return { name: 'authentication.failed', method: 'password-file', ...facts, username: 'ann', address, ...decision };
}

const NOT_BANNED: Live = {
  ...{ isRunning: true, isBanned: false, allowedBy: null },
  ...{ bans: [], clients: [], silentWorkers: [] },
};

test('what was refused is counted by its author, with a few of the topics', async () => {
  const show = journal(
    ...Array.from({ length: 8 }, (_, i) => refused(`plant/${i}`)),
    refused('x', 'other', 'bob', '198.51.100.1'),
  );
  const incident = await show('address', '192.0.2.7');
  assert.equal(incident.records, 8);
  const [refusal] = incident.refusals;
  assert.equal(refusal?.count, 8);
  assert.equal(refusal.by, 'policy:default');
  assert.deepEqual(refusal.examples, ['plant/0', 'plant/1', 'plant/2', 'plant/3', 'plant/4']);
  assert.deepEqual(incident.clients, [{ value: 'pump-7', count: 8 }]);
  assert.equal(incident.topics.length, 8);
  // Eight of one kind in a row are one line.
  assert.equal(incident.timeline.length, 1);
  assert.equal(incident.timeline[0]?.count, 8);
});

test('bans, attacks and what operators did belong to it, by whichever name they call it', async () => {
  const ban = { subjectKind: 'address', subject: '192.0.2.7', reason: 'scan', author: 'detector:topicScan' };
  const show = journal(
    refused('a'),
    { name: 'ban.added', ...ban },
    { name: 'ban.added', ...ban, subject: '192.0.2.70' },
    { action: 'ban-remove', words: ['192.0.2.7', 'mistake'] },
    { action: 'ban-remove', words: ['192.0.2.8', ''] },
    { action: 'ban-add', words: ['client:pump-7', '2h', ''] },
  );
  const { measures } = await show('address', '192.0.2.7');
  assert.deepEqual(
    measures.map(({ name }) => name),
    ['ban.added', 'ban-remove'],
  );
  const client = await show('client', 'pump-7');
  assert.deepEqual(
    client.measures.map(({ name }) => name),
    ['ban-add'],
  );
});

test('a value that ends in * means itself', async () => {
  const show = journal(refused('a', 'pump-7'), refused('b', 'pump-*'));
  assert.equal((await show('client', 'pump-*')).records, 1);
});

test('events that were held back are counted', async () => {
  const show = journal({ ...refused('a'), suppressed: 41 } as GatewayEvent);
  assert.equal((await show('user', 'ann')).refusals[0]?.count, 42);
});

test('what is advised fits what was found', async () => {
  const many = (event: GatewayEvent): GatewayEvent[] => Array.from({ length: 6 }, () => event);
  const commands = (incident: Incident, live: Live | undefined): string[] =>
    adviceFor(incident, live).map(({ command }) => command);

  const guessed = await journal(...many(failed()), {
    name: 'authentication.succeeded',
    method: 'x',
    ...facts,
    username: 'ann',
  })('address', '192.0.2.7');
  const forGuessed = commands(guessed, NOT_BANNED);
  assert.equal(forGuessed[0], 'sallyport users set-password --generate -- ann');
  assert.match(forGuessed[1]!, /^sallyport ban add 192\.0\.2\.7 --for 24h/);

  const scanned = await journal(...many(refused('plant/x')))('client', 'pump-7');
  const forScanned = commands(scanned, NOT_BANNED);
  assert.match(forScanned[0]!, /^sallyport ban add client:pump-7 /);
  assert.equal(forScanned[1], 'sallyport policy explain --user=ann --client-id=pump-7 --publish=plant/x');
  const hashed = await journal(...many(refused('#e2fa5865e8bf6795')))('client', 'pump-7');
  assert.ok(
    !commands(hashed, NOT_BANNED).some((command) => command.includes('policy explain')),
    'of a hash nobody knows',
  );

  const ban = { subject: '192.0.2.7', reason: '', author: 'operator:ann', expiresAt: null };
  const byAcl = await journal(...many({ ...refused('plant/x'), by: 'acl:/etc/acl:7' } as GatewayEvent))(
    'client',
    'pump-7',
  );
  assert.ok(adviceFor(byAcl, NOT_BANNED).some(({ says }) => says.includes('acl:/etc/acl:7')));
  assert.ok(!commands(byAcl, NOT_BANNED).some((command) => command.includes('policy explain')));

  const banned = commands(guessed, { ...NOT_BANNED, isBanned: true, bans: [ban] });
  assert.ok(banned.includes('sallyport ban remove 192.0.2.7 --reason mended'));
  assert.ok(!banned.some((command) => command.includes('ban add')));

  const allowed = commands(guessed, { ...NOT_BANNED, allowedBy: '192.0.2.0/24' });
  assert.ok(!allowed.some((command) => command.includes('ban add')));

  const harmless = await journal(refused('a'))('address', '192.0.2.7');
  assert.ok(!commands(harmless, NOT_BANNED).some((command) => command.includes('ban add')));
});

test('nothing that a peer chose acts on a terminal, in HTML, or in a shell that a command is pasted to', async () => {
  const incident = await journal(...Array.from({ length: 9 }, () => refused(HOSTILE, HOSTILE, HOSTILE)))(
    'client',
    HOSTILE,
  );
  const report = reportOn(incident, {
    ...NOT_BANNED,
    clients: [{ clientId: HOSTILE, username: HOSTILE, address: '192.0.2.7', connectedAt: null }],
    bans: [{ subject: `client:${HOSTILE}`, reason: HOSTILE, author: HOSTILE, expiresAt: null }],
  });
  const text = incidentText(report, (_style, plain) => plain);
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2028\r]/);
  const html = incidentHtml(report, '0.0.0');
  assert.doesNotMatch(html, /<script|[\u001b\u202e\u2028]/);
  assert.match(html, /Content-Security-Policy" content="default-src 'none'/);
  assert.doesNotMatch(html, /\ssrc=|\shref=|<link|<iframe|onerror="/);
  assert.equal(JSON.parse(JSON.stringify(incidentRecord(report))).subject.value, HOSTILE);
  // A name with control characters cannot be banned: its address can.
  assert.ok(report.advice.some(({ command }) => command.startsWith('sallyport ban add 192.0.2.7 ')));
  for (const { command } of report.advice.filter(({ command }) => command.includes('pwned'))) {
    // Each word as a shell reads it, one a line of NULs, with `sallyport` as what prints them.
    const script = `sallyport() { printf '%s\\0' "$@"; }; ${command.replace(/ > incident\.jsonl$/, '')}`;
    const { stdout, stderr, status } = spawnSync('bash', ['-c', script], {
      encoding: 'utf8',
      env: { LC_ALL: 'C.UTF-8' },
    });
    assert.equal(status, 0, stderr);
    const words = stdout.split('\0');
    assert.ok(
      words.some((word) => word === HOSTILE || word.endsWith(`=${HOSTILE}`) || word === `client:${HOSTILE}`),
      command,
    );
  }
});

test('a word of a shell is itself again, whatever is in it', () => {
  const words = ['plain-1.2', '', 'a b', "it's", '$HOME', '\\', '\t\n', '\u001b[0m', "\u200b'\\", 'größe', '-x'];
  for (const word of words) {
    const { stdout } = spawnSync('bash', ['-c', `printf '%s' ${shellWord(word)}`], {
      encoding: 'utf8',
      env: { LC_ALL: 'C.UTF-8' },
    });
    assert.equal(stdout, word);
  }
});

test('an empty journal says so, and an address that is none is refused', async () => {
  const report = reportOn(await journal()('address', '192.0.2.9'), NOT_BANNED);
  assert.match(report.verdict, /nothing about it/);
  assert.deepEqual(report.advice, []);
  assert.throws(() => readIncidentSubject('address', 'pump-7'), /is no address/);
  assert.throws(() => readIncidentSubject('client', ''), /the name is empty/);
  assert.equal(readIncidentSubject('address', '::ffff:192.0.2.7').value, '192.0.2.7');
});
