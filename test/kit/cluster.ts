/** A cluster of brokers behind the gateway, as tests of its nodes' deaths need it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { documented, replaced } from './documented.ts';
import { eventually } from './eventually.ts';
import { type RunningGateway, sallyport, startGateway } from './gateway.ts';
import { MqttJsClient, type MqttJsInit } from './mqttjs.ts';
import { HOST, removeDirectory, temporaryDirectory } from './process.ts';
import { SteadyLoad } from './steady-load.ts';
import { Testimony } from './witness.ts';

/** The account that the gateway has at the brokers. */
export const ACCOUNT = 'sallyport';
export const ACCOUNT_PASSWORD = 'a password of the cluster';

export const DEVICE = { username: 'device', password: 'a password of the tests' };
/** Another user, who would like to be the device. */
const THIEF = { username: 'thief', password: 'a password of a thief' };

/** With elections of leaders, and the gateway's own patience with a node that has just failed. */
export const FAILOVER_MS = 40_000;

export interface ClusterNode {
  /** As the documentation calls its host. */
  readonly host: string;
  readonly mqttPort: number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** The first time, or again on what it has kept. */
  start(): Promise<void>;
}

export interface RunningCluster {
  readonly nodes: readonly ClusterNode[];
  stop(): Promise<void>;
}

export interface GatewayBefore extends RunningGateway {
  /** What the nodes and the gateway said to each other. */
  readonly testimony: Testimony;
  /** By node: how the gateway calls it. */
  readonly targets: readonly string[];
}

/** A cluster that has just started may refuse, or take its time over, what it does for the first time. */
export async function answerClients(nodes: readonly ClusterNode[]): Promise<void> {
  for (const { mqttPort } of nodes) {
    const options = { username: ACCOUNT, password: ACCOUNT_PASSWORD };
    const isAnswered = async (): Promise<boolean> => {
      try {
        await (await MqttJsClient.connect({ port: mqttPort, version: 4, options })).end();
        return true;
      } catch {
        return false;
      }
    };
    await eventually('the node answers a client', isAnswered, FAILOVER_MS);
  }
}

/** At once, as nodes that wait for each other need it; those that started are there to be killed when one did not. */
export async function startAll(nodes: readonly ClusterNode[]): Promise<void> {
  const starts = await Promise.allSettled(nodes.map((node) => node.start()));
  for (const start of starts) if (start.status === 'rejected') throw start.reason;
}

/** The gateway with the configuration that docs/clusters.md has below this heading. */
export async function startGatewayBefore(cluster: RunningCluster, heading: string): Promise<GatewayBefore> {
  const testimony = new Testimony();
  const witnesses = await Promise.all(cluster.nodes.map(({ mqttPort }) => testimony.stand(mqttPort)));
  const directory = await temporaryDirectory('cluster-gateway');
  await writeFile(path.join(directory, 'cluster-password'), ACCOUNT_PASSWORD, { mode: 0o600 });
  const addresses = cluster.nodes.map(({ host }, node) => [`${host}:1883`, `${HOST}:${witnesses[node]!.port}`]);
  const text = replaced(documented('clusters.md', heading, 'sallyport.yaml'), Object.fromEntries(addresses));
  const gateway = await startGateway({
    directory,
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { [DEVICE.username]: DEVICE.password, [THIEF.username]: THIEF.password },
    acl: [DEVICE, THIEF].flatMap(({ username }) => [`user ${username}`, 'topic readwrite #']),
    config: parse(text) as Record<string, unknown>,
  });
  return {
    ...gateway,
    testimony,
    targets: witnesses.map(({ port }) => `mqtt://${HOST}:${port}`),
    stop: async (signal) => {
      assert.ok(!gateway.program.hasEnded, `the gateway ended by itself: ${gateway.program.output.slice(-4000)}`);
      await gateway.stop(signal);
      await Promise.all(witnesses.map((witness) => witness.stop()));
      await removeDirectory(directory);
    },
  };
}

/** How a device of MQTT 3.1.1 with a session that lasts logs in; it comes back by itself. */
export function deviceLogin(gateway: RunningGateway, options: MqttJsInit['options'] = {}): MqttJsInit {
  return {
    port: gateway.ports.get('tcp')!,
    version: 4,
    options: {
      ...DEVICE,
      clean: false,
      reconnectPeriod: 200,
      // A cluster that elects leaders refuses clients for a while; MQTT.js would take that for the last word.
      reconnectOnConnackError: true,
      connectTimeout: 10_000,
      ...options,
    },
  };
}

/** Clients at each node, as `sallyport upstream list` says. */
async function connectionsOf({ directory, targets }: GatewayBefore): Promise<number[]> {
  const { out } = await sallyport(['upstream', 'list', '--json', '--data', directory]);
  const { result } = JSON.parse(out) as { result: { target: string; connections: number }[] };
  return targets.map((target) => result.find((row) => row.target === target)?.connections ?? 0);
}

/** With the others drained, a new client is served there. */
async function serves(gateway: GatewayBefore, node: number): Promise<void> {
  const upstream = (gateway.files.config!['upstreams'] as [{ name: string }])[0].name;
  const others = gateway.targets.filter((_, index) => index !== node);
  const tell = async (verb: string): Promise<void> => {
    for (const target of others) await sallyport(['upstream', verb, upstream, target, '--data', gateway.directory]);
  };
  await tell('drain');
  const isServed = async (): Promise<boolean> => {
    try {
      const client = await MqttJsClient.connect(deviceLogin(gateway, { reconnectPeriod: 0, clean: true }));
      await client.publish('again', 'served', { qos: 1 });
      const connections = await connectionsOf(gateway);
      await client.end();
      return connections[node]! > 0;
    } catch {
      return false;
    }
  };
  await eventually('the node serves again', isServed, FAILOVER_MS);
  await tell('return');
}

/** Another user asks for a client identifier that is in use, and for the session that it leaves behind: the device notices nothing. */
export async function refuseTakeover(t: TestContext, gateway: GatewayBefore): Promise<void> {
  const options = { clientId: 'wanted', reconnectPeriod: 0, reconnectOnConnackError: false };
  const steal = async (clean: boolean): Promise<void> => {
    const theft = MqttJsClient.connect(deviceLogin(gateway, { ...options, ...THIEF, clean }));
    await assert.rejects(theft, { code: IDENTIFIER_REJECTED });
  };
  const victim = await MqttJsClient.connect(deviceLogin(gateway, options));
  t.after(() => victim.client.end(true));
  await victim.subscribe('wanted/#', { qos: 1 });
  for (const clean of [true, false]) await steal(clean);
  await victim.publish('wanted/1', 'still here', { qos: 1 });
  assert.equal((await victim.received(1))[0]!.payload, 'still here');
  await victim.end();
  for (const clean of [true, false]) await steal(clean);
  const thief = await MqttJsClient.connect(deviceLogin(gateway, { ...options, ...THIEF, clientId: 'own' }));
  t.after(() => thief.client.end(true));
  await thief.publish('wanted/2', 'kept', { qos: 1 });
  const back = await MqttJsClient.connect(deviceLogin(gateway, options));
  t.after(() => back.client.end(true));
  assert.equal(back.sessionPresent, true);
  assert.equal((await back.received(1))[0]!.payload, 'kept');
}

/** MQTT 3.1.1's return code. */
const IDENTIFIER_REJECTED = 2;

const PUBLISHERS = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
const SUBSCRIBERS = ['s0', 's1', 's2', 's3'];

/** Longer than the time after which a broker delivers again what was not acknowledged. */
const ARRIVAL_MS = 10_000;
/**
 * Kills the node that most clients are at while they publish with QoS 1, and starts it again. Demands that all clients go on, that the
 * node takes clients again, and that the gateway acknowledged only what a node had, and handed over all that a node sent. What sessions did
 * not get of what was acknowledged is then the cluster's doing, and is returned for each.
 */
export async function killNodeUnderLoad(
  t: TestContext,
  gateway: GatewayBefore,
  cluster: RunningCluster,
): Promise<string[][]> {
  const subscribers: MqttJsClient[] = [];
  let subscribersHit = 0;
  for (const clientId of SUBSCRIBERS) {
    const subscriber = await MqttJsClient.connect(deviceLogin(gateway, { clientId }));
    t.after(() => subscriber.client.end(true));
    await subscriber.subscribe('load/#', { qos: 1 });
    subscriber.client.on('close', () => subscribersHit++);
    subscribers.push(subscriber);
  }
  const publishers = Object.fromEntries(PUBLISHERS.map((name) => [name, deviceLogin(gateway)]));
  const load = await SteadyLoad.start({ publishers, topic: 'load', windowMax: 2, pauseMs: 20 });
  t.after(() => load.kill());
  await load.more(200);

  const connections = await connectionsOf(gateway);
  const most = connections.indexOf(Math.max(...connections));
  const victim = cluster.nodes[most]!;
  const counts = new Map([...load.acknowledged].map(([name, { length }]) => [name, length]));
  await victim.kill();
  for (const [name, acknowledged] of load.acknowledged) {
    const isBack = (): boolean => acknowledged.length >= counts.get(name)! + 20;
    await eventually(`${name} publishes again`, isBack, FAILOVER_MS);
  }
  assert.ok(load.connectionsLost + subscribersHit > 0, 'nobody was at the node that was killed');
  await victim.start();
  await serves(gateway, most);
  await load.more(100);
  await load.stop();
  // MQTT.js gives up what it had not sent yet when a connection is lost before it is up again in full.
  assert.deepEqual(
    load.failures.filter((failure) => !failure.endsWith('Connection closed')),
    [],
  );

  const missing = (): string[][] =>
    subscribers.map(({ messages }) => {
      const got = new Set(messages.map(({ payload }) => payload));
      return load.all.map(({ payload }) => payload).filter((payload) => !got.has(payload));
    });
  const deadline = Date.now() + ARRIVAL_MS;
  while (Date.now() < deadline && missing().some(({ length }) => length > 0)) await sleep(200);
  const lost = missing();
  t.diagnostic(
    `${load.count} messages acknowledged; ${connections[most]} of ${connections.join(' + ')} clients lost their node; ` +
      `not delivered to each session: ${lost.map(({ length }) => length).join(', ')}`,
  );
  const { acknowledged, delivered } = gateway.testimony;
  for (const [name, own] of load.acknowledged) {
    const invented = own.filter(({ payload }) => !acknowledged.get(name)!.has(payload));
    assert.deepEqual(invented, [], `${name} was told of acknowledgements that no node gave`);
  }
  for (const [index, name] of SUBSCRIBERS.entries()) {
    const withheld = lost[index]!.filter((payload) => delivered.get(name)!.has(payload));
    assert.deepEqual(withheld, [], `${name} did not get what a node had sent it`);
  }
  return lost;
}
