/** TCP listeners that come and go, and those that nobody uses: what is open without being needed is only good for attackers. */
import type { Clock } from '../../../base/clock.ts';
import { collectSockets, isLoopbackAddress, type ListeningSocket } from '../host/sockets.ts';
import { type Fact, mapFact, unknown } from '../model/fact.ts';
import type { AuditedSystem } from '../system/audited-system.ts';
import type { ListenerEvent } from './watch-event.ts';

const LISTENERS_MAX = 10_000;

interface Watched {
  readonly socket: ListeningSocket;
  /** When a connection was last seen, or the listener first, on the monotonic clock. */
  usedMs: number;
  looks: number;
  isTold: boolean;
}

export interface ListenerWatchOptions {
  readonly clock: Clock;
  /** A listener without a connection for so long is told of, once. */
  readonly unusedAfterMs: number;
}

export class ListenerWatch {
  readonly #options: ListenerWatchOptions;
  #listeners: Map<string, Watched> | undefined;

  constructor(options: ListenerWatchOptions) {
    this.#options = options;
  }

  /** What has changed since the last look; the first look only learns. Unknown where it cannot be told. */
  async look(system: AuditedSystem): Promise<Fact<readonly ListenerEvent[]>> {
    const [sockets, used] = await Promise.all([collectSockets(system), collectUsedPorts(system)]);
    if (sockets.state !== 'known') return sockets;
    const nowMs = this.#options.clock.nowMs();
    const before = this.#listeners;
    const now = new Map<string, Watched>();
    const events: ListenerEvent[] = [];
    for (const socket of sockets.value) {
      if (socket.protocol !== 'tcp' || now.size >= LISTENERS_MAX) continue;
      const key = JSON.stringify([socket.address, socket.port, socket.process ?? '']);
      const watched = before?.get(key) ?? { socket, usedMs: nowMs, looks: 0, isTold: false };
      watched.looks++;
      now.set(key, watched);
      if (before !== undefined && !before.has(key))
        events.push(eventOf('listener.appeared', socket, `${nameOf(socket)} listens on ${placeOf(socket)} now`));
    }
    for (const [key, { socket }] of before ?? [])
      if (!now.has(key))
        events.push(eventOf('listener.gone', socket, `${nameOf(socket)} listens on ${placeOf(socket)} no longer`));
    if (used.state === 'known') events.push(...this.#unused(now.values(), used.value, nowMs));
    this.#listeners = now;
    return { ...sockets, value: events };
  }

  *#unused(listeners: Iterable<Watched>, used: ReadonlySet<number>, nowMs: number): Generator<ListenerEvent> {
    for (const watched of listeners) {
      const { socket } = watched;
      if (used.has(socket.port)) {
        watched.usedMs = nowMs;
        watched.looks = 0;
        watched.isTold = false;
      }
      // What only the host itself reaches is no door.
      if (watched.isTold || isLoopbackAddress(socket.address)) continue;
      if (nowMs - watched.usedMs < this.#options.unusedAfterMs) continue;
      watched.isTold = true;
      const hours = Math.round(this.#options.unusedAfterMs / 3_600_000);
      const says = `no connection to ${placeOf(socket)} was seen at ${watched.looks} looks in ${hours} hours`;
      yield eventOf('listener.unused', socket, says);
    }
  }
}

/** Local ports of connections that stand. */
async function collectUsedPorts(system: AuditedSystem): Promise<Fact<ReadonlySet<number>>> {
  return mapFact(await system.run('ss', ['-Htn', 'state', 'connected']), ({ exitCode, stdout }) => {
    if (exitCode !== 0) return unknown('command-failed', `ss ended with exit code ${exitCode}.`);
    const ports = stdout.split('\n').map((line) => {
      const local = line.trim().split(/\s+/)[3] ?? '';
      return Number(local.slice(local.lastIndexOf(':') + 1));
    });
    return new Set(ports.filter((port) => Number.isInteger(port) && port > 0));
  });
}

function eventOf(
  event: ListenerEvent['event'],
  { address, port, process }: ListeningSocket,
  says: string,
): ListenerEvent {
  return { event, address, port, ...(process === undefined ? {} : { process }), says };
}

function nameOf({ process }: ListeningSocket): string {
  return process ?? 'a process';
}

function placeOf({ address, port }: ListeningSocket): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
