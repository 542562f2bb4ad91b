/** What one who is in may read and write. Messages of others are counted as passing by, and never kept. */
import { PacketType } from '../../../mqtt/wire.ts';
import { type Fact, known, unknown } from '../model/fact.ts';
import { enter } from './access-probes.ts';
import { type Answer, hears, leave, type ProbeSession, publish, subscribe } from './session.ts';

const WITNESS_MS = 2000;
/** Longer than Mosquitto's sys_interval. */
const SYS_MS = 11_000;
const WIDE_FILTERS = ['#', '+/#'];

export interface SysOutcome {
  readonly topics: number;
  /** Where a topic tells it. */
  readonly version: string | undefined;
}

export interface PublishOutcome {
  readonly answer: Answer;
  /** A witness has heard it. */
  readonly isDelivered: boolean;
}

export async function probeReadable(session: ProbeSession): Promise<Fact<readonly string[]>> {
  const filters = [...WIDE_FILTERS, `$share/${session.nonce()}/#`];
  const readable: string[] = [];
  for (const filter of filters) {
    const reader = await enter(session);
    if ('state' in reader) return reader;
    await subscribe(reader.line, [filter]);
    const writer = await session.connect({ login: session.endpoint.logins[1] ?? session.endpoint.logins[0] });
    if ('state' in writer || 'answer' in writer) {
      leave(reader.line);
      return unknown('permission-denied', 'Nobody gets in to publish what the other might read.');
    }
    const canary = session.nonce();
    const answer = await publish(writer.line, `${session.topicRoot}/canary`, canary);
    const isHeard = await hears(reader.line, canary, WITNESS_MS, session.services);
    leave(reader.line);
    leave(writer.line);
    if (isHeard) readable.push(filter);
    else if (answer !== 0 && readable.length === 0) {
      return unknown('permission-denied', 'The canary may not be published, so nobody could have read it.');
    }
  }
  return known(readable, session.endpoint.url);
}

export async function probeSys(session: ProbeSession): Promise<Fact<SysOutcome>> {
  const reader = await enter(session);
  if ('state' in reader) return reader;
  await subscribe(reader.line, ['$SYS/#']);
  const topics = new Set<string>();
  let version: string | undefined;
  const { clock } = session.services;
  const deadlineMs = clock.nowMs() + SYS_MS;
  for (;;) {
    const message = await reader.line.next([PacketType.Publish], deadlineMs - clock.nowMs());
    if (message === undefined) break;
    topics.add(message.topic);
    if (/\/version$/.test(message.topic)) version = Buffer.from(message.payload).toString('latin1').slice(0, 100);
    // Enough to know.
    if (topics.size >= 100) break;
  }
  leave(reader.line);
  return known({ topics: topics.size, version }, session.endpoint.url);
}

export async function probePublish(session: ProbeSession): Promise<Fact<PublishOutcome>> {
  const topic = `${session.topicRoot}/publish`;
  const witness = await enter(session);
  if ('state' in witness) return witness;
  await subscribe(witness.line, [topic]);
  const writer = await enter(session);
  if ('state' in writer) return writer;
  const canary = session.nonce();
  const answer = await publish(writer.line, topic, canary);
  const isDelivered = await hears(witness.line, canary, WITNESS_MS, session.services);
  leave(writer.line);
  leave(witness.line);
  return known({ answer, isDelivered }, session.endpoint.url);
}

/** A topic of its own below each: nothing that a broker would obey. */
export async function probeControlWrite(session: ProbeSession): Promise<Fact<Readonly<Record<string, Answer>>>> {
  const answers: Record<string, Answer> = {};
  for (const root of ['$SYS', '$CONTROL']) {
    const writer = await enter(session);
    if ('state' in writer) return writer;
    answers[root] = await publish(writer.line, `${root}/${session.topicRoot}`, 'audit');
    leave(writer.line);
  }
  return known(answers, session.endpoint.url);
}

/** Whether a retained message is kept for one who comes later. It is removed again. */
export async function probeRetained(session: ProbeSession): Promise<Fact<boolean>> {
  const topic = `${session.topicRoot}/retained`;
  const writer = await enter(session);
  if ('state' in writer) return writer;
  const canary = session.nonce();
  await publish(writer.line, topic, canary, true);
  const reader = await enter(session);
  if ('state' in reader) return reader;
  await subscribe(reader.line, [topic]);
  const isKept = await hears(reader.line, canary, WITNESS_MS, session.services);
  leave(reader.line);
  const cleaner = writer.line.isClosed ? await enter(session) : writer;
  if (!('state' in cleaner)) {
    await publish(cleaner.line, topic, '', true);
    leave(cleaner.line);
  }
  return known(isKept, session.endpoint.url);
}
