/**
 * Whether traffic feels that the control API is loaded: the longest that a client waits for an answer while nothing happens, while it is
 * loaded by itself after the start, and around a first request that comes before.
 */
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile, say } from './figures.ts';
import { IS_SMOKE } from './settings.ts';
import { connect, residentMB, start, type WatchedGateway } from './watched-gateway.ts';

const STARTS = IS_SMOKE ? 1 : 3;
const SPELL_MS = IS_SMOKE ? 300 : 1000;
/** When the gateway loads it by itself, after its start, and is done with it. */
const LOADED_AFTER_MS = 7500;

function ask({ gateway }: WatchedGateway): Promise<number> {
  const beganMs = performance.now();
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: path.join(gateway.directory, 'control.sock'), path: '/v1/status' });
    asked.on('error', reject);
    asked.on('response', (answer) => {
      answer.resume().once('end', () => resolve(performance.now() - beganMs));
    });
    asked.end();
  });
}

/** The longest wait of a client that asks again as soon as it is answered. */
async function longestMs(side: WatchedGateway, durationMs: number): Promise<number> {
  const client = await connect(side.port, 'asks');
  const beganMs = performance.now();
  let longest = 0;
  while (performance.now() - beganMs < durationMs) {
    const askedMs = performance.now();
    await client.settled();
    longest = Math.max(longest, performance.now() - askedMs);
    await sleep(1);
  }
  client.drop();
  return longest;
}

export async function controlApi(): Promise<void> {
  const found = { start: [] as number[], quiet: [] as number[], itself: [] as number[], asked: [] as number[] };
  const firstAnswers: number[] = [];
  const grown: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const beganMs = performance.now();
    const asked = await start(false);
    found.start.push(performance.now() - beganMs);
    found.quiet.push(await longestMs(asked, SPELL_MS));
    const waiting = longestMs(asked, SPELL_MS);
    await sleep(SPELL_MS / 4);
    firstAnswers.push(await ask(asked));
    found.asked.push(await waiting);
    await asked.stop();
    if (IS_SMOKE) continue;
    const alone = await start(false);
    await longestMs(alone, SPELL_MS);
    const before = residentMB(alone.gateway);
    found.itself.push(await longestMs(alone, LOADED_AFTER_MS - SPELL_MS));
    grown.push(residentMB(alone.gateway) - before);
    await alone.stop();
  }
  const ms = (values: readonly number[]): string =>
    `${quantile(values, 0.5).toFixed(0)} ms (at most ${Math.max(0, ...values).toFixed(0)})`;
  say(`the control API, ${STARTS} starts, medians:`);
  say(`  a start takes ${ms(found.start)}`);
  say(`  longest wait of a client, nothing happening: ${ms(found.quiet)}`);
  say(`  while it is loaded by itself: ${ms(found.itself)}; ${quantile(grown, 0.5).toFixed(1)} MB more resident`);
  say(`  while it is loaded for a request: ${ms(found.asked)}; that first request took ${ms(firstAnswers)}`);
}
