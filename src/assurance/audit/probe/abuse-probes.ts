/** What a broker makes of those who do not behave: silence, sizes, names, bytes that are no MQTT, headers that are not theirs. */
import { PacketType } from '../../../mqtt/wire.ts';
import { type Fact, known, unknown } from '../model/fact.ts';
import { enter } from './access-probes.ts';
import { LineFailure } from './line.ts';
import { type Answer, leave, type ProbeSession } from './session.ts';

/** Longer than this is too long. */
const SILENCE_MS = 31_000;
const VERDICT_MS = 2000;
const LONG_CLIENT_ID = 1500;

export interface ClientIdAnswers {
  readonly empty: Answer;
  readonly long: Answer;
}

export async function probeSilence(session: ProbeSession): Promise<Fact<number | 'later'>> {
  const { clock } = session.services;
  const startMs = clock.nowMs();
  const line = await session.open(5);
  if (line instanceof LineFailure) return unknown('unreachable', `${session.endpoint.url}: ${line.says}.`);
  const isEnded = await line.endsWithin(SILENCE_MS);
  line.close();
  if (session.services.signal.aborted) return unknown('timed-out', 'The time of the audit was over before.');
  return known(isEnded ? Math.round((clock.nowMs() - startMs) / 1000) : 'later', session.endpoint.url);
}

/** As CONNACK says; else, where that may be tried, by the header of a packet of 64 MB, of which nothing follows. */
export async function probePacketLimit(session: ProbeSession): Promise<Fact<number>> {
  const entered = await enter(session);
  if ('state' in entered) return entered;
  const { line, connack } = entered;
  const stated = connack.properties.maximumPacketSizeBytes;
  if (stated !== undefined || !session.endpoint.isActive) {
    leave(line);
    return stated === undefined
      ? unknown('consent-missing', 'CONNACK does not tell, and to try it takes --active.')
      : known(stated, session.endpoint.url);
  }
  // PUBLISH, QoS 0, Remaining Length 64 MiB, and the first bytes of a topic.
  line.send(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x20, 0x00, 0x10, 0x73]));
  const isRefused = await line.endsWithin(VERDICT_MS);
  line.close();
  return known(isRefused ? 64 * 1024 * 1024 : 0, session.endpoint.url);
}

export async function probeClientIds(session: ProbeSession): Promise<Fact<ClientIdAnswers>> {
  const login = session.endpoint.logins[0];
  const empty = await session.tryLogin({ version: 4, login, clientId: '' });
  const long = await session.tryLogin({ version: 4, login, clientId: 'x'.repeat(LONG_CLIENT_ID) });
  if (typeof empty === 'object') return empty;
  return typeof long === 'object' ? long : known({ empty, long }, session.endpoint.url);
}

/** PUBLISH at QoS 0 with these bytes as its topic, for MQTT 3.1.1. */
function publishTo(topic: readonly number[]): Buffer {
  return Buffer.from([0x30, topic.length + 3, 0, topic.length, ...topic, 0x78]);
}

const MALFORMED: Readonly<Record<string, Buffer>> = {
  'invalid UTF-8 in a topic': publishTo([0x61, 0xc3, 0x28]),
  'U+0000 in a topic': publishTo([0x61, 0x00, 0x62]),
  'a wildcard in a topic name': publishTo([0x61, 0x2f, 0x23]),
  'a packet of a reserved type': Buffer.from([0xf0, 0x00]),
};

export async function probeMalformed(session: ProbeSession): Promise<Fact<readonly string[]>> {
  const accepted: string[] = [];
  for (const [what, bytes] of Object.entries(MALFORMED)) {
    const entered = await enter(session, { version: 4 });
    if ('state' in entered) return entered;
    const { line } = entered;
    line.send(bytes);
    line.send({ type: PacketType.Pingreq });
    // What still answers a ping has swallowed it.
    const answer = await line.next([PacketType.Pingresp], VERDICT_MS);
    if (answer !== undefined) accepted.push(what);
    line.close();
  }
  return known(accepted, session.endpoint.url);
}

const PROXY_V2_SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2, PROXY, TCP over IPv4, from 192.0.2.1:1024 to 192.0.2.2:1883. */
const PROXY_V2 = Buffer.from([
  ...PROXY_V2_SIGNATURE,
  ...[0x21, 0x11, 0x00, 0x0c],
  ...[192, 0, 2, 1, 192, 0, 2, 2, 0x04, 0x00, 0x07, 0x5b],
]);

/** Whether an MQTT answer comes behind the header of a load balancer that we are not. */
export async function probeProxyHeader(session: ProbeSession): Promise<Fact<boolean>> {
  if (session.endpoint.scheme !== 'mqtt') {
    return unknown(
      'unsupported',
      'Behind TLS or WebSocket the header stands before the handshake, which is not tried.',
    );
  }
  const answer = await session.tryLogin({ login: session.endpoint.logins[0], line: { preamble: PROXY_V2 } });
  if (typeof answer === 'object') return answer;
  return known(answer !== 'closed', session.endpoint.url);
}
