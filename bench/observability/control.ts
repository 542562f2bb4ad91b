/**
 * Whether traffic feels that the control API is loaded: the longest that a client waits for an answer while nothing happens, while it is
 * loaded by itself after the start, and around a first request that comes before. On a machine with other work a wait says little, so
 * beside it stands how much the gateway's thread has worked between two answers.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile, say } from './figures.ts';
import { IS_SMOKE } from './settings.ts';
import { connect, residentMB, start, type WatchedGateway } from './watched-gateway.ts';

const STARTS = IS_SMOKE ? 1 : 3;
const SPELL_MS = IS_SMOKE ? 300 : 1000;
/** When the gateway loads it by itself, after its start, and is done with it. */
const LOADED_AFTER_MS = 10_000;

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

interface Longest {
  readonly waitMs: number;
  /** Of processor, of the thread that carries traffic. */
  readonly workMs: number;
}

/** A client that asks again as soon as it is answered. */
async function longest(side: WatchedGateway, durationMs: number): Promise<Longest> {
  const client = await connect(side.port, 'asks');
  const pid = side.gateway.program.child.pid!;
  const workedMs = (): number => Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  const beganMs = performance.now();
  let [waitMs, workMs, worked] = [0, 0, workedMs()];
  while (performance.now() - beganMs < durationMs) {
    const askedMs = performance.now();
    await client.settled();
    waitMs = Math.max(waitMs, performance.now() - askedMs);
    const now = workedMs();
    [workMs, worked] = [Math.max(workMs, now - worked), now];
    await sleep(1);
  }
  client.drop();
  return { waitMs, workMs };
}

export async function controlApi(): Promise<void> {
  const found = { quiet: [] as Longest[], itself: [] as Longest[], asked: [] as Longest[] };
  const starts: number[] = [];
  const firstAnswers: number[] = [];
  const grown: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const beganMs = performance.now();
    const asked = await start(false);
    starts.push(performance.now() - beganMs);
    found.quiet.push(await longest(asked, SPELL_MS));
    const waiting = longest(asked, SPELL_MS);
    await sleep(SPELL_MS / 4);
    firstAnswers.push(await ask(asked));
    found.asked.push(await waiting);
    await asked.stop();
    if (IS_SMOKE) continue;
    const alone = await start(false);
    await longest(alone, SPELL_MS);
    const before = residentMB(alone.gateway);
    found.itself.push(await longest(alone, LOADED_AFTER_MS - SPELL_MS));
    grown.push(residentMB(alone.gateway) - before);
    await alone.stop();
  }
  const ms = (values: readonly number[]): string =>
    `${quantile(values, 0.5).toFixed(0)} ms (at most ${Math.max(0, ...values).toFixed(0)})`;
  const both = (spells: readonly Longest[]): string =>
    `${ms(spells.map(({ waitMs }) => waitMs))}, ${ms(spells.map(({ workMs }) => workMs))} of work between two answers`;
  say(`the control API, ${STARTS} starts, medians:`);
  say(`  a start takes ${ms(starts)}`);
  say(`  longest wait of a client, nothing happening: ${both(found.quiet)}`);
  say(`  while it is loaded by itself: ${both(found.itself)}; ${quantile(grown, 0.5).toFixed(1)} MB more resident`);
  say(`  while it is loaded for a request: ${both(found.asked)}; that first request took ${ms(firstAnswers)}`);
}
