/**
 * A storm of refusals against good clients that send as much as is taken, in windows with the storm and without in turn: what is left of
 * their throughput, what a refusal costs, and how much memory it takes.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { HOST } from '../../test/kit/process.ts';
import type { StormOrder } from './attackers.ts';
import { quantile, say } from './figures.ts';
import { IS_SMOKE } from './settings.ts';
import { connectMany, MESSAGE, processorMs, residentMB, start } from './watched-gateway.ts';

const WINDOWS = IS_SMOKE ? 2 : 8;
const WINDOW_MS = IS_SMOKE ? 500 : 1500;
const STORM_PER_SECOND = IS_SMOKE ? 2000 : 50_000;
const STORM_CLIENTS = 50;
const GOOD_CLIENTS = 20;
/** Sent together, before the next answer is waited for. */
const GOOD_AT_ONCE = 50;
const PACED_PER_SECOND = 2000;

interface Window {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly refused: number;
}

function efficiency({ perSecond, cpuMs }: Window): number {
  return perSecond / cpuMs;
}

export async function refusalStorm(): Promise<void> {
  const side = await start(true);
  const clients = await connectMany(side.port, GOOD_CLIENTS, 'good');
  const burst = Buffer.concat(Array.from({ length: GOOD_AT_ONCE }, () => MESSAGE));
  /** Messages that were answered for within the time, a second. */
  const goodFor = async (durationMs: number, offeredPerSecond: number): Promise<number> => {
    const beganMs = performance.now();
    const counts = await Promise.all(
      clients.map(async (client) => {
        let count = 0;
        while (performance.now() - beganMs < durationMs) {
          client.sendRaw(burst);
          await client.settled();
          count += GOOD_AT_ONCE;
          const dueMs = (count * GOOD_CLIENTS * 1000) / offeredPerSecond;
          if (dueMs > performance.now() - beganMs) await sleep(dueMs - (performance.now() - beganMs));
        }
        return count;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - beganMs) / 1000);
  };
  const order: StormOrder = { port: side.port, perSecond: STORM_PER_SECOND, clients: STORM_CLIENTS };
  const attackers = fork(new URL('./attackers.ts', import.meta.url), [JSON.stringify(order)]);
  await once(attackers, 'message');
  const refusedSoFar = async (): Promise<number> => {
    const text = await (await fetch(`http://${HOST}:${side.metricsPort}/metrics`)).text();
    const found = text.matchAll(/^sallyport_refusals_total\{what="(?:publish|untold)".*\} (\d+)$/gm);
    return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, residentMB(side.gateway));
  }, 100);
  const windowOf = async (isStorm: boolean, offeredPerSecond: number): Promise<Window> => {
    const refusedBefore = await refusedSoFar();
    if (isStorm) {
      attackers.send('on');
      await sleep(100);
    }
    const beganMs = processorMs(side.gateway);
    const perSecond = await goodFor(WINDOW_MS, offeredPerSecond);
    const cpuMs = processorMs(side.gateway) - beganMs;
    if (isStorm) {
      attackers.send('off');
      await once(attackers, 'message');
    }
    await Promise.all(clients.map((client) => client.settled()));
    return { perSecond, cpuMs, refused: (await refusedSoFar()) - refusedBefore };
  };
  await windowOf(false, Number.POSITIVE_INFINITY);
  await windowOf(true, Number.POSITIVE_INFINITY);
  const before = residentMB(side.gateway);
  peak = before;
  const kinds = { saturating: Number.POSITIVE_INFINITY, paced: PACED_PER_SECOND };
  say(`a storm of refusals, ${STORM_CLIENTS} clients, all sinks on, ${WINDOWS} windows each with it and without:`);
  for (const [kind, offered] of Object.entries(kinds)) {
    const quiet: Window[] = [];
    const stormy: Window[] = [];
    for (let i = 0; i < WINDOWS; i++) {
      for (const isStorm of i % 2 === 0 ? [false, true] : [true, false]) {
        (isStorm ? stormy : quiet).push(await windowOf(isStorm, offered));
      }
    }
    const rate = (windows: readonly Window[]): number =>
      quantile(
        windows.map(({ perSecond }) => perSecond),
        0.5,
      );
    const shares = stormy.map(({ perSecond }, i) => (100 * perSecond) / quiet[i]!.perSecond);
    const refused = stormy.reduce((sum, window) => sum + window.refused, 0);
    say(
      `  ${kind} good traffic: ${Math.round(rate(stormy))} of ${Math.round(rate(quiet))} messages a second, ${quantile(shares, 0.5).toFixed(0)} % (half of the windows between ${quantile(shares, 0.25).toFixed(0)} and ${quantile(shares, 0.75).toFixed(0)}); ${Math.round(refused / ((WINDOWS * (WINDOW_MS + 100)) / 1000))} refused a second`,
    );
    if (kind === 'saturating') {
      const ofProcessor = stormy.map((window, i) => (100 * efficiency(window)) / efficiency(quiet[i]!));
      say(
        `  the same for each second of the gateway's processor: ${quantile(ofProcessor, 0.5).toFixed(0)} % (half of the windows between ${quantile(ofProcessor, 0.25).toFixed(0)} and ${quantile(ofProcessor, 0.75).toFixed(0)})`,
      );
    } else {
      const more = stormy.reduce((sum, window, i) => sum + window.cpuMs - quiet[i]!.cpuMs, 0);
      say(`  a refusal costs ${((more * 1000 * (WINDOW_MS + 100)) / WINDOW_MS / refused).toFixed(2)} µs of processor`);
    }
  }
  clearInterval(watch);
  attackers.disconnect();
  say(
    `  resident: ${before.toFixed(0)} MB before, ${peak.toFixed(0)} MB at most; ${await refusedSoFar()} refused in all`,
  );
  await side.stop();
}
