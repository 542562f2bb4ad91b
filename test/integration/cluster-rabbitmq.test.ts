import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Reason } from '../../src/mqtt/reason.ts';
import {
  DEVICE,
  deviceLogin,
  FAILOVER_MS,
  type GatewayBefore,
  killNodeUnderLoad,
  type RunningCluster,
  refuseTakeover,
  startGatewayBefore,
} from '../kit/cluster.ts';
import { eventsLike } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type MosquittoLogin, MosquittoSub, mosquittoPub, withoutMosquittoClients } from '../kit/mosquitto-clients.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { startRabbitmqCluster, withoutRabbitmq } from '../kit/rabbitmq.ts';

describe('before a cluster of three RabbitMQ nodes', { skip: withoutRabbitmq, concurrency: false }, () => {
  let cluster: RunningCluster;
  let gateway: GatewayBefore;
  before(async () => {
    cluster = await startRabbitmqCluster();
    gateway = await startGatewayBefore(cluster, 'RabbitMQ');
  });
  after(async () => {
    await gateway?.stop();
    await cluster?.stop();
  });

  it('a client of MQTT 5 is told that its version is not spoken here', async () => {
    const isKnown = (target: string): boolean =>
      eventsLike(gateway.program, 'upstream.up', { target, mqtt5: false }).length > 0;
    await eventually('all nodes are known', () => gateway.targets.every(isKnown), FAILOVER_MS);
    await assert.rejects(MqttJsClient.connect({ ...deviceLogin(gateway), version: 5 }), {
      code: Reason.UnsupportedProtocolVersion,
    });
  });

  it('a session that lasts is found again, and what waits in it', async (t) => {
    const options = { clientId: 'lasting', reconnectPeriod: 0 };
    const first = await MqttJsClient.connect(deviceLogin(gateway, options));
    await first.subscribe('lasting/#', { qos: 1 });
    await first.end();
    const other = await MqttJsClient.connect(deviceLogin(gateway, { clientId: 'other', reconnectPeriod: 0 }));
    t.after(() => other.end());
    await other.publish('lasting/1', 'waits', { qos: 1 });
    const again = await MqttJsClient.connect(deviceLogin(gateway, options));
    t.after(() => again.end());
    assert.equal(again.sessionPresent, true);
    assert.equal((await again.received(1))[0]!.payload, 'waits');
  });

  it('a client identifier, and the session under it, is not taken over by another user', async (t) => {
    await refuseTakeover(t, gateway);
  });

  it("Debian's mosquitto_sub and mosquitto_pub are served", { skip: withoutMosquittoClients }, async (t) => {
    const shell: MosquittoLogin = { port: gateway.ports.get('tcp')!, version: 'mqttv311', ...DEVICE };
    const sub = await MosquittoSub.start(t, shell, 'shell/#', ['-i', 'shell-sub', '-c', '-q', '1']);
    const sent = await mosquittoPub(shell, 'shell/1', ['-i', 'shell-pub', '-q', '1', '-m', 'from a shell']);
    assert.equal(sent.code, 0, sent.err);
    assert.equal((await sub.received(1))[0]!.payload, 'from a shell');
  });

  it('a node that is killed under load costs no session anything that was acknowledged', async (t) => {
    for (const lost of await killNodeUnderLoad(t, gateway, cluster)) assert.deepEqual(lost.slice(0, 10), []);
  });

  it('with mqtt5: translate, clients of MQTT 5 are served', async (t) => {
    const { config } = gateway.files;
    const [upstream] = config!['upstreams'] as [Record<string, unknown>];
    await gateway.rewrite({ config: { ...config, upstreams: [{ ...upstream, mqtt5: 'translate' }] } });
    const { code, err } = await gateway.reload();
    assert.equal(code, 0, err);
    const login = { ...deviceLogin(gateway, { reconnectPeriod: 0, clean: true }), version: 5 } as const;
    const client = await MqttJsClient.connect(login);
    t.after(() => client.end());
    await client.subscribe('five/#', { qos: 1 });
    await client.publish('five/1', 'served', { qos: 1 });
    assert.equal((await client.received(1))[0]!.payload, 'served');
  });
});
