/**
 * Those who watch events over the control API: what 50 of them cost traffic while 200 events a second happen, in windows with them and
 * without in turn, and whether some that do not read make the gateway grow.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PacketType } from '../../src/mqtt/wire.ts';
import type { RawClient } from '../../test/kit/raw-client.ts';
import { more, quantile, say } from './figures.ts';
import { IS_SMOKE } from './settings.ts';
import {
  connectMany,
  FORBIDDEN,
  MESSAGE,
  processorMs,
  residentMB,
  start,
  type WatchedGateway,
} from './watched-gateway.ts';

const WATCHERS = IS_SMOKE ? 5 : 50;
const STALLED = IS_SMOKE ? 2 : 10;
const WINDOWS = IS_SMOKE ? 2 : 12;
const WINDOW_MS = IS_SMOKE ? 500 : 1500;
const STALLED_MS = IS_SMOKE ? 1000 : 20_000;
const PUBLISHERS = 20;
const MESSAGES_PER_SECOND = IS_SMOKE ? 500 : 4000;
/** A connection tells ten a second, and counts the others. */
const OFFENDERS = 20;
const EVENTS_PER_SECOND = 200;
const TICK_MS = 20;

interface Window {
  readonly micros: number;
  /** Of what was sent. */
  readonly share: number;
  readonly bytes: number;
}

interface Watchers {
  bytes(): number;
  end(): void;
}

async function watch({ gateway }: WatchedGateway, count: number, reads: boolean): Promise<Watchers> {
  let bytes = 0;
  const requests: ClientRequest[] = [];
  await Promise.all(
    Array.from({ length: count }, async () => {
      const asked = request({ socketPath: path.join(gateway.directory, 'control.sock'), path: '/v1/events' });
      requests.push(asked);
      asked.on('error', () => undefined);
      const answer = await new Promise<IncomingMessage>((resolve) => asked.end().once('response', resolve));
      answer.on('error', () => undefined);
      if (reads) {
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
      } else answer.pause();
    }),
  );
  return {
    bytes: () => bytes,
    end() {
      for (const asked of requests) asked.destroy();
    },
  };
}

/** At a steady rate, open loop: what is due is sent, whatever has become of what went before. */
async function send(
  clients: readonly RawClient[],
  packet: Uint8Array,
  perSecond: number,
  durationMs: number,
): Promise<number> {
  const beganMs = performance.now();
  let sent = 0;
  for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs = performance.now() - beganMs) {
    for (const due = (elapsedMs * perSecond) / 1000; sent < due; sent++)
      clients[sent % clients.length]!.sendRaw(packet);
    await sleep(TICK_MS);
  }
  return sent;
}

export async function watchers(): Promise<void> {
  const side = await start(true, { repeatsMax: 100_000 });
  const publishers = await connectMany(side.port, PUBLISHERS, 'p');
  const offenders = await connectMany(side.port, OFFENDERS, 'o');
  const [subscriber] = await connectMany(side.port, 1, 's');
  await subscriber!.subscribe('site/#');
  let delivered = 0;
  let isOver = false;
  const receiving = (async () => {
    while (!isOver) {
      const packet = await subscriber!.next().catch(() => 'closed' as const);
      if (packet === 'closed') return;
      if (packet.type === PacketType.Publish) delivered++;
    }
  })();
  const windowOf = async (count: number): Promise<Window> => {
    const watching = count === 0 ? undefined : await watch(side, count, true);
    const before = { cpu: processorMs(side.gateway), delivered };
    const [sent] = await Promise.all([
      send(publishers, MESSAGE, MESSAGES_PER_SECOND, WINDOW_MS),
      send(offenders, FORBIDDEN, EVENTS_PER_SECOND, WINDOW_MS),
    ]);
    await Promise.all(publishers.map((client) => client.settled()));
    await sleep(100);
    const found = {
      micros: ((processorMs(side.gateway) - before.cpu) * 1000) / sent,
      share: (delivered - before.delivered) / sent,
      bytes: watching?.bytes() ?? 0,
    };
    watching?.end();
    await sleep(50);
    return found;
  };
  for (const count of [0, WATCHERS]) await windowOf(count);
  const none: Window[] = [];
  const some: Window[] = [];
  for (let i = 0; i < WINDOWS; i++) {
    for (const count of i % 2 === 0 ? [0, WATCHERS] : [WATCHERS, 0]) {
      (count === 0 ? none : some).push(await windowOf(count));
    }
  }
  const micros = (found: readonly { micros: number }[]): number[] => found.map((each) => each.micros);
  const share = (found: readonly { share: number }[]): string =>
    `${(Math.min(...found.map((each) => each.share)) * 100).toFixed(2)} %`;
  const kilobytes = some.reduce((sum, { bytes }) => sum + bytes, 0) / 1024 / WATCHERS / WINDOWS;
  say(
    `${WATCHERS} watchers, ${MESSAGES_PER_SECOND} messages and ${EVENTS_PER_SECOND} events a second, ${WINDOWS} windows each with them and without:`,
  );
  say(
    `  ${quantile(micros(some), 0.5).toFixed(1)} µs of processor a message with them, ${quantile(micros(none), 0.5).toFixed(1)} without; ${more(micros(some), micros(none))} more`,
  );
  const extraMs = (quantile(micros(some), 0.5) - quantile(micros(none), 0.5)) * (MESSAGES_PER_SECOND / 1e6) * 1000;
  say(
    `  that is ${((extraMs / 1000) * 100).toFixed(1)} % of one processor, ${((extraMs * 1000) / WATCHERS / EVENTS_PER_SECOND).toFixed(1)} µs an event and watcher`,
  );
  say(
    `  delivered at least: ${share(some)} with them, ${share(none)} without; ${kilobytes.toFixed(0)} KB to each watcher in a window`,
  );
  await slowWatchers(side, offenders);
  isOver = true;
  await side.stop();
  await receiving;
}

/** Memory in two spells of the same length and the same events, first without them. */
async function slowWatchers(side: WatchedGateway, offenders: readonly RawClient[]): Promise<void> {
  const spell = async (): Promise<number> => {
    const before = residentMB(side.gateway);
    await send(offenders, FORBIDDEN, EVENTS_PER_SECOND, STALLED_MS);
    return residentMB(side.gateway) - before;
  };
  const without = await spell();
  const stalled = await watch(side, STALLED, false);
  const withThem = await spell();
  stalled.end();
  say(
    `  ${STALLED} that do not read, for ${STALLED_MS / 1000} s: ${withThem.toFixed(1)} MB more resident, ${without.toFixed(1)} in as long without them`,
  );
}
