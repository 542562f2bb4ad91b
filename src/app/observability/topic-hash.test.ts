import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemChance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { openTopicHash, plainTopics, readTopicHash, TOPIC_KEY_FILE, withTopics } from './topic-hash.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-topics-'));
after(() => rmSync(directory, { recursive: true }));

test('a topic has one hash in an installation, also after a restart, and another one elsewhere', async () => {
  const spell = await openTopicHash(directory, systemChance);
  const again = await readTopicHash(directory);
  assert.match(spell('a/b'), /^#[0-9a-f]{16}$/);
  assert.equal(spell('a/b'), again('a/b'));
  assert.notEqual(spell('a/b'), spell('a/c'));
  assert.equal(statSync(join(directory, TOPIC_KEY_FILE)).mode & 0o777, 0o600);
  const elsewhere = mkdtempSync(join(tmpdir(), 'sallyport-topics-'));
  after(() => rmSync(elsewhere, { recursive: true }));
  assert.notEqual((await openTopicHash(elsewhere, systemChance))('a/b'), spell('a/b'));
});

test('no event carries a topic that must be hashed, wherever it has one', async () => {
  const spell = await readTopicHash(directory);
  const facts = { connectionId: 'c1', listener: 'l', address: '192.0.2.1', port: 1, reason: 0x87, by: 'x', says: 'x' };
  const attack = {
    name: 'attack.detected',
    detector: 'topicScan',
    subjectKind: 'clientId',
    subject: 'd42',
    score: 1,
    severity: 'high',
    technique: 'T1',
    says: 'x',
    count: 1,
    threshold: 1,
    windowMs: 1,
    examples: ['secret/topic', 'other'],
    responses: [],
    repetition: 1,
  } as const;
  const closed = { name: 'connection.closed', durationMs: 1, bytesIn: 0, bytesOut: 0, connected: true } as const;
  const events: GatewayEvent[] = [
    { name: 'publish.refused', topic: 'secret/topic', qos: 0, retain: false, action: 'dropped', ...facts },
    { name: 'subscribe.refused', filter: 'secret/topic', ...facts },
    { name: 'will.refused', topic: 'secret/topic', ...facts },
    { ...closed, will: 'secret/topic', ...facts },
    attack,
  ];
  for (const event of events) {
    const text = JSON.stringify(withTopics(event, spell));
    assert.ok(!text.includes('secret'), text);
    assert.ok(text.includes(spell('secret/topic')), text);
    assert.equal(withTopics(event, plainTopics), event);
  }
});

test('a key that is damaged is refused with the cure', async () => {
  writeFileSync(join(directory, TOPIC_KEY_FILE), 'garbage');
  await assert.rejects(openTopicHash(directory, systemChance), /restore it, or remove it/);
});
