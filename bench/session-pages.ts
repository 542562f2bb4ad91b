/**
 * What it costs to list the sessions of the embedded broker page by page, with a filter and without: processor time of all pages
 * together, beside a list that looks at every session for each page, which is what the pages used to do. Prints figures.
 */
import { GatewayClients } from '../src/app/clients/gateway-clients.ts';
import type { Config } from '../src/app/config/config.ts';
import { SessionDesk, type SessionFilter } from '../src/app/sessions/session-desk.ts';
import { makeBench } from '../test/kit/broker-client.ts';

const SESSIONS = 100_000;
const PAGE = 1000;
const LASTING = { cleanStart: false, properties: { sessionExpiryIntervalS: 3600 } };

const bench = await makeBench();
for (let i = 0; i < SESSIONS; i++) {
  const client = bench.client(`device-${i}`, 5, { ...LASTING, owner: `user:u${i % 1000}` });
  if (i % 10 !== 0) client.lose();
}
const kept = bench.broker.sessions;
const desk = new SessionDesk({
  clock: bench.clock,
  emit: () => undefined,
  clients: new GatewayClients(
    async () => ({ answers: [{ clients: [], through: null, matched: 0 }], silent: [] }),
    () => [],
  ),
  kept: () => kept,
  config: () => ({ upstream: 'embedded', upstreams: [] }) as unknown as Config,
});

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function allPages(filter: SessionFilter, beforePage: () => void): Promise<{ pages: number; found: number }> {
  let [pages, found, cursor] = [0, 0, undefined as string | undefined];
  do {
    beforePage();
    const page = await desk.list(filter, cursor, PAGE);
    pages++;
    found += page.sessions.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return { pages, found };
}

/** Every session, as the state of each was looked at. */
function walk(): void {
  let connected = 0;
  for (const session of kept.after(0)) if (session.connected) connected++;
  if (connected !== kept.connectedCount) throw new Error(`${connected} are connected`);
}

const FILTERS: readonly (readonly [name: string, filter: SessionFilter])[] = [
  ['none', {}],
  ['--state away', { state: 'away' }],
  ['--state connected', { state: 'connected' }],
  ['--user u7', { username: 'u7' }],
  ["--client 'device-99*'", { clientId: 'device-99*' }],
];
for (const [name, filter] of FILTERS) {
  let [own, walking] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let told = { pages: 0, found: 0 };
  // In turn, and the best of some: the machine has others to serve.
  for (let round = 0; round < 5; round++) {
    for (const beforePage of [() => undefined, walk]) {
      const startMs = processorMs();
      told = await allPages(filter, beforePage);
      const tookMs = processorMs() - startMs;
      if (beforePage === walk) walking = Math.min(walking, tookMs);
      else own = Math.min(own, tookMs);
    }
  }
  console.log(
    `${name}: ${told.found} sessions on ${told.pages} pages, ${own.toFixed(0)} ms of processor time, ${(own / told.pages).toFixed(2)} ms a page; with a walk for each page ${(walking / own).toFixed(1)} times that`,
  );
}
