/**
 * A search in a long journal: the records are written by the journal's own writer, with a clock that runs ahead, and asked for by each
 * field, by time and by several at once; also for what is everywhere, for what is nowhere, and for two halves that never meet.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { searchJournal } from '../../src/app/observability/journal/search.ts';
import type { Wanted } from '../../src/app/observability/journal/search-index.ts';
import { listSegments } from '../../src/app/observability/journal/segment-files.ts';
import { openJournal } from '../../src/app/observability/journal/writer.ts';
import { systemClock, withEpoch } from '../../src/base/clock.ts';
import { removeDirectory, temporaryDirectory } from '../../test/kit/process.ts';
import { quantile, say } from './figures.ts';
import { given, IS_SMOKE } from './settings.ts';

const EPOCH_MS = Date.parse('2026-01-01T00:00:00Z');
/** Ten million of them are four months. */
const MS_BETWEEN = 1000;
const FLUSH_EVERY = 20_000;
const REPEATS = 5;
const LIMIT = 100;

/**
 * Four fifths are of two attackers, each with an address and a user of its own; the rest comes from 10,000 clients of 1000 users at 5000
 * addresses, about 20,000 topics; one client in a hundred thousand records is rare.
 */
function contentOf(i: number): object {
  const common = { connectionId: `c${i >> 4}`, listener: 'mqtts', port: 1024 + (i % 60_000) };
  const refused = {
    ...common,
    name: 'publish.refused',
    qos: 1,
    retain: false,
    action: 'refused',
    reason: 0x87,
    by: 'acl:/etc/sallyport/acl:7',
    says: 'no line grants it',
  };
  const topic = `devices/pump-${(i * 7919) % 20_000}/set`;
  if (i % 100_000 === 50_000) {
    return { ...refused, clientId: 'rare', username: 'seldom', address: '2001:db8::7', topic };
  }
  switch (i % 5) {
    case 0:
    case 1:
      return { ...refused, clientId: 'scanner', username: 'eve', address: '192.0.2.1', topic };
    case 2:
    case 3:
      return { ...refused, clientId: 'brute', username: 'mallory', address: '192.0.2.2', topic };
    default: {
      const who = (((i - 4) / 5) * 7919) % 10_000;
      const known = {
        ...common,
        clientId: `pump-${who}`,
        username: `device-${who % 1000}`,
        address: `198.51.${(who % 5000) >> 8}.${(who % 5000) & 255}`,
      };
      if (i % 3 === 0)
        return {
          ...known,
          name: 'authentication.failed',
          method: 'users',
          reason: 0x86,
          by: 'users',
          says: 'wrong password',
        };
      if (i % 3 === 1)
        return { ...known, name: 'client.connected', cleanStart: true, sessionPresent: false, keepAliveS: 60 };
      return { ...refused, ...known, topic };
    }
  }
}

/** Writes the journal; the writer and its encoder are the gateway's. */
async function write(directory: string, records: number): Promise<void> {
  let written = 0;
  const writer = await openJournal({
    directory,
    clock: withEpoch(systemClock, () => EPOCH_MS + written * MS_BETWEEN),
    emit: () => undefined,
    version: 'bench',
    syncIntervalMs: 60_000,
    segmentMaxBytes: 64 * 1024 * 1024,
    segmentMaxAgeMs: 1e12,
    keepForMs: 1e15,
    keepMaxBytes: 1024 ** 4,
  });
  while (written < records) {
    for (let i = 0; i < FLUSH_EVERY && written < records; i++) writer.append('event', contentOf(written++));
    await writer.flush();
  }
  await writer.close();
}

const QUESTIONS: Readonly<Record<string, Omit<Wanted, 'limit'>>> = {
  'a client with one record in 100,000': { fields: { client: 'rare' } },
  'a client among ten thousand': { fields: { client: 'pump-4711' } },
  'a user': { fields: { user: 'device-42' } },
  'an address': { fields: { address: '198.51.3.7' } },
  'an event': { fields: { event: 'authentication.failed' } },
  'a reason (by)': { fields: { author: 'acl:/etc/sallyport/acl:7' } },
  'a topic': { fields: { topic: 'devices/pump-4711/set' } },
  'an hour': { sinceMs: EPOCH_MS + 1e9, untilMs: EPOCH_MS + 1e9 + 3_600_000, fields: {} },
  'a client in a day': {
    sinceMs: EPOCH_MS + 1e9,
    untilMs: EPOCH_MS + 1e9 + 86_400_000,
    fields: { client: 'pump-4711' },
  },
  'client, user, address and event': {
    fields: { client: 'pump-4711', user: 'device-711', address: '198.51.18.103', event: 'publish.refused' },
  },
  'all names that begin so': { fields: { client: 'pump-4*', event: 'authentication.*' } },
  everything: { fields: {} },
  'a value that is everywhere': { fields: { author: 'acl:*' } },
  'everywhere, and rare': { fields: { event: 'publish.refused', client: 'rare' } },
  'everywhere, the oldest day': { untilMs: EPOCH_MS + 86_400_000, fields: { event: 'publish.refused' } },
  'a value that is nowhere': { fields: { client: 'nobody' } },
  'two values, each in two of five records and never in one': { fields: { address: '192.0.2.1', user: 'mallory' } },
  'a beginning that all have, and a value they have not': { fields: { client: 'pump-*', user: 'eve' } },
};

const RECORDS = IS_SMOKE ? 5000 : Number(given('records') ?? 200_000);

export async function search(): Promise<void> {
  const [records, kept] = [RECORDS, given('journal')];
  const directory = kept ?? (await temporaryDirectory('search-bench'));
  if (!existsSync(path.join(directory, 'head.json'))) {
    const beganMs = performance.now();
    await write(directory, records);
    say(`a journal of ${records} records, written in ${seconds(beganMs)} s:`);
  }
  const bytes = (await listSegments(directory)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const indexBeganMs = performance.now();
  await searchJournal(directory, { fields: {}, limit: 1 });
  const index = statSync(path.join(directory, 'index.sqlite')).size;
  say(
    `  ${megabytes(bytes)} MB; its index ${megabytes(index)} MB, made in ${seconds(indexBeganMs)} s (0 where it was there)`,
  );
  for (const [name, question] of Object.entries(QUESTIONS)) {
    const times: number[] = [];
    let found = 0;
    for (let i = 0; i < REPEATS; i++) {
      const beganMs = performance.now();
      found = (await searchJournal(directory, { ...question, limit: LIMIT })).records.length;
      times.push(performance.now() - beganMs);
    }
    say(
      `  ${name}: ${quantile(times, 0.5).toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)}; ${found} found of at most ${LIMIT}`,
    );
  }
  if (kept === undefined) await removeDirectory(directory);
}

function seconds(beganMs: number): string {
  return ((performance.now() - beganMs) / 1000).toFixed(1);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
