/** Topics as they are written down: as they are, or as hashes under a key of this installation, one and the same for each topic. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Chance } from '../../base/chance.ts';
import type { GatewayEvent } from '../../base/events.ts';
import { OperatorError } from '../config/problem.ts';
import { createFile } from '../init/durable-file.ts';

export const TOPIC_KEY_FILE = 'topic-hash.key';
const KEY_BYTES = 32;
const KEY_MODE = 0o600;
/** 64 bits tell apart whatever topics there are; a whole digest would fill the log. */
const SHOWN_BYTES = 8;
/** Topics whose hash is remembered. */
const REMEMBERED_MAX = 10_000;

export type TopicSpelling = (topic: string) => string;

export const plainTopics: TopicSpelling = (topic) => topic;

/**
 * Of every topic `#` and 16 hex digits: no topic filter has a `#` but at its end.
 * @throws {OperatorError} where there is a key that cannot be used, or none can be made.
 */
export async function openTopicHash(dataDirectory: string, chance: Chance): Promise<TopicSpelling> {
  const path = join(dataDirectory, TOPIC_KEY_FILE);
  try {
    await createFile(path, `${chance.bytes(KEY_BYTES).toString('hex')}\n`, KEY_MODE);
    return await readTopicHash(dataDirectory);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`The key of topic hashes ${path} cannot be made: ${(error as Error).message}.`);
  }
}

/** @throws {OperatorError} where there is no key, or one that cannot be used. */
export async function readTopicHash(dataDirectory: string): Promise<TopicSpelling> {
  const path = join(dataDirectory, TOPIC_KEY_FILE);
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new OperatorError(`The key of topic hashes ${path} cannot be read: ${(error as Error).message}.`);
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new OperatorError(`${path} holds no key of topic hashes: restore it, or remove it, and hashes begin anew.`);
  }
  return hashing(Buffer.from(text, 'hex'));
}

export function isTopicHash(text: string): boolean {
  return /^#[0-9a-f]{16}$/.test(text);
}

function hashing(key: Buffer): TopicSpelling {
  const known = new Map<string, string>();
  return (topic) => {
    let hash = known.get(topic);
    if (hash !== undefined) return hash;
    hash = `#${createHmac('sha256', key)
      .update(topic)
      .digest('hex')
      .slice(0, 2 * SHOWN_BYTES)}`;
    if (known.size >= REMEMBERED_MAX) known.clear();
    known.set(topic, hash);
    return hash;
  };
}

/** Detectors whose examples are topics and filters. */
const TOPIC_EXAMPLES: ReadonlySet<string> = new Set([
  'beaconing',
  'publishFlood',
  'retainedFlood',
  'sysProbing',
  'topicScan',
  'unauthorizedAccess',
  'unusualVolume',
  'wildcardHarvesting',
  'willAbuse',
]);

/** The event with its topics and filters spelt so; the event itself where there are none. */
export function withTopics(event: GatewayEvent, spell: TopicSpelling): GatewayEvent {
  if (spell === plainTopics) return event;
  if ('topic' in event) return { ...event, topic: spell(event.topic) };
  if ('filter' in event) return { ...event, filter: spell(event.filter) };
  if (event.name === 'connection.closed' && event.will !== undefined) return { ...event, will: spell(event.will) };
  if (event.name === 'attack.detected' && TOPIC_EXAMPLES.has(event.detector)) {
    return { ...event, examples: event.examples.map(spell) };
  }
  if (event.name === 'limit.exceeded' && event.scope === 'topic') {
    return { ...event, key: spell(event.key) };
  }
  return event;
}
