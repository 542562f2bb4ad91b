/**
 * What detection costs a message that is permitted: processor time of two gateways, one with and one without it. Many short rounds, in
 * turn and with the order changed each time, so that what else the machine does falls on both alike; fails at five percent or more.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { encode } from '../test/kit/codec.ts';
import { type RunningGateway, startGateway } from '../test/kit/gateway.ts';
import { publish } from '../test/kit/packets.ts';
import { HOST } from '../test/kit/process.ts';
import { RawClient } from '../test/kit/raw-client.ts';

const ROUNDS = Number(process.argv[2] ?? 60);
const CLIENTS = 4;
const MESSAGES = 60_000;
const WARM_UP_ROUNDS = 8;
const MORE_MAX = 0.05;

async function start(enabled: boolean): Promise<{ gateway: RunningGateway; clients: RawClient[] }> {
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { ann: 'a password of the bench' },
    acl: ['user ann', 'topic readwrite #'],
    config: {
      authentication: { passwordFile: 'users' },
      authorization: { aclFile: 'acl' },
      detection: { enabled, publishFlood: { response: ['log'] } },
      log: { level: 'error' },
    },
  });
  const clients: RawClient[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    await client.connect({ clientId: `c${i}`, username: 'ann', password: 'a password of the bench' });
    clients.push(client);
  }
  return { gateway, clients };
}

/** Of all its threads, in milliseconds. */
function processorMs({ program }: RunningGateway): number {
  const tasks = `/proc/${program.child.pid!}/task`;
  const nanoseconds = readdirSync(tasks).map((task) =>
    Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}

const message = encode(publish('site/a/temperature', 'x'.repeat(64)), 5);
const burst = Buffer.concat(Array.from({ length: 500 }, () => message));

async function round({ gateway, clients }: Awaited<ReturnType<typeof start>>): Promise<number> {
  const beganMs = processorMs(gateway);
  for (let sent = 0; sent < MESSAGES; sent += CLIENTS * 500) {
    for (const client of clients) client.sendRaw(burst);
    for (const client of clients) await client.settled();
  }
  return ((processorMs(gateway) - beganMs) * 1000) / MESSAGES;
}

const [on, off] = [await start(true), await start(false)];
// Both have to be compiled first.
for (let i = 0; i < WARM_UP_ROUNDS; i++) for (const each of [on, off]) await round(each);
const costs: { on: number[]; off: number[] } = { on: [], off: [] };
for (let i = 0; i < ROUNDS; i++) {
  for (const name of i % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
    costs[name].push(await round(name === 'on' ? on : off));
  }
}
for (const { gateway } of [on, off]) await gateway.stop();
const quantile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]!;
const ratios = costs.on.map((cost, i) => cost / costs.off[i]!);
const more = quantile(ratios, 0.5) - 1;
// Of what is left of the noise in a median of so many.
const uncertain = (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / Math.sqrt(ROUNDS);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
process.stdout.write(
  [
    `a permitted PUBLISH (QoS 0, 64 B), medians of ${ROUNDS} rounds of ${MESSAGES} messages in turn:`,
    `${quantile(costs.on, 0.5).toFixed(3)} µs of processor with detection, ${quantile(costs.off, 0.5).toFixed(3)} µs without`,
    `${percent(more)} more, give or take ${percent(uncertain)}; half of the rounds between ${percent(quantile(ratios, 0.25) - 1)} and ${percent(quantile(ratios, 0.75) - 1)}`,
    '',
  ].join('\n'),
);
process.exitCode = more < MORE_MAX ? 0 : 1;
