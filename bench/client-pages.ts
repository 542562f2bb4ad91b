/**
 * What a page of connected clients costs: processor time of one page among 100,000 clients, beside one among 1000, and beside a page
 * that looks at every client, too, which is what pages used to do. Prints figures; the ratios are what counts.
 */
import { type Cursor, filterOf, isBehind, placeOfConnection, readCursor } from '../src/app/clients/client-query.ts';
import { type ConnectedClients, connectedClients } from '../test/kit/connected-clients.ts';

const PAGE = 100;
const PAGES = 200;
/** A walk takes long enough by itself. */
const WALKS = 10;
const ROUNDS = 7;

const few = connectedClients(1000);
const many = connectedClients(100_000);

function processorUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** As it was: each was held against the filter, and against the cursor until the page was full. */
function walkThrough(connections: ConnectedClients['connections'], after: Cursor): void {
  const isMeant = filterOf({});
  let [matched, shown] = [0, 0];
  for (const { client } of connections) {
    if (!isMeant(client)) continue;
    matched++;
    if (shown < PAGE && isBehind(placeOfConnection(client.downstream.connectionId), after)) shown++;
  }
  if (matched !== connections.length || shown !== PAGE) throw new Error(`${shown} of ${matched} are on the page`);
}

/** Microseconds a page; they lie all over the list. */
async function pageUs({ clients, connections }: ConnectedClients, count: number, walk: boolean): Promise<number> {
  const startUs = processorUs();
  const pages = walk ? WALKS : PAGES;
  for (let i = 0; i < pages; i++) {
    const after = readCursor(`c${Math.floor((i * (count - PAGE)) / pages)}`);
    const page = await clients.list({}, after, PAGE);
    if (page.clients.length !== PAGE) throw new Error(`${page.clients.length} clients are on the page`);
    if (walk) walkThrough(connections, after);
  }
  return (processorUs() - startUs) / pages;
}

let [small, large, walked] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
// In turn, and the best of some: the machine has others to serve.
for (let round = 0; round < ROUNDS; round++) {
  small = Math.min(small, await pageUs(few, 1000, false));
  large = Math.min(large, await pageUs(many, 100_000, false));
  if (round < 2) walked = Math.min(walked, await pageUs(many, 100_000, true));
}
console.log(
  `a page of ${PAGE}: ${small.toFixed(0)} µs of processor time among 1000 clients, ${large.toFixed(0)} among 100,000: ${(large / small).toFixed(2)} times that; with a walk through all ${(walked / large).toFixed(0)} times the page`,
);
