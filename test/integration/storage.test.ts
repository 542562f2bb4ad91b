import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway, writeGatewayFiles } from '../kit/gateway.ts';
import { MqttJsClient, type MqttJsInit } from '../kit/mqttjs.ts';
import { SmallDisk, withoutSmallDisks } from '../kit/small-disk.ts';

const USER = { username: 'device1', password: 'a password of the tests' };
const FILES = {
  listeners: [{ name: 'tcp', type: 'tcp' }],
  users: { [USER.username]: USER.password },
  acl: [`user ${USER.username}`, 'topic readwrite #'],
} as const;
const DISK_BYTES = 16 * 1024 * 1024;
const QUOTA_EXCEEDED = 0x97;
const BULK = 'x'.repeat(2000);
/** The journal and others keep their files on the same disk, and fail and recover by themselves. */
const OF_BROKER = { path: /broker\.sqlite$/ };

async function connect(
  t: TestContext,
  gateway: RunningGateway,
  version: ProtocolVersion,
  options: MqttJsInit['options'] = {},
): Promise<MqttJsClient> {
  const port = gateway.ports.get('tcp')!;
  const client = await MqttJsClient.connect({ port, version, options: { ...USER, ...options } });
  t.after(() => client.client.end(true));
  return client;
}

/** Publishes, and keeps a record of what was acknowledged. */
class Publisher {
  readonly client: MqttJsClient;
  readonly acknowledged: string[] = [];
  readonly refused: string[] = [];

  constructor(client: MqttJsClient) {
    this.client = client;
  }

  async publish(topic: string, name: string, retain = false): Promise<number> {
    try {
      await this.client.publish(topic, `${name} ${BULK}`, { qos: 1, retain });
      this.acknowledged.push(name);
      return 0;
    } catch (error) {
      this.refused.push(name);
      return (error as { code?: number }).code ?? -1;
    }
  }

  /** One after another, until the disk is full and the gateway says so; the last one may wait for its answer. */
  async publishUntilFull(topic: string, gateway: RunningGateway): Promise<void> {
    let isFull = false;
    const full = untilEvent(gateway.program, 'storage.failed', OF_BROKER).then(() => {
      isFull = true;
    });
    for (let number = 0; !isFull; number++) await Promise.race([this.publish(topic, `bulk ${number}`), full]);
  }
}

const nameOf = ({ payload }: { payload: string }): string => payload.slice(0, -BULK.length - 1);

describe('a disk that is full', { skip: withoutSmallDisks, concurrency: 2 }, () => {
  for (const persistence of ['durable', 'relaxed'] as const) {
    it(`while running, ${persistence}: nothing is promised that cannot be kept, and nothing promised is lost`, async (t) => {
      const disk = SmallDisk.make(DISK_BYTES)!;
      const directory = path.join(disk.directory, 'data');
      mkdirSync(directory);
      const config = { broker: { persistence, queuedMessagesMax: 100_000, queuedBytesMax: '1GiB' } };
      let gateway = await startGateway({ ...FILES, directory, config });
      t.after(async () => {
        await gateway.program.end();
        disk.unmount();
      });
      const { program } = gateway;
      const session = { clientId: 'away', clean: false, properties: { sessionExpiryInterval: 3600 } };
      const away = await connect(t, gateway, 5, session);
      await away.subscribe('kept/#', { qos: 1 });
      await away.end();
      const live = await connect(t, gateway, 5);
      await live.subscribe('live', { qos: 0 });
      const v5 = new Publisher(await connect(t, gateway, 5));
      // Comes back by itself, as clients in the field do, and sends again what was not acknowledged.
      const v4 = new Publisher(await connect(t, gateway, 4, { clean: false, reconnectPeriod: 100 }));
      assert.equal(await v5.publish('kept/a', 'before'), 0);

      disk.fill();
      await v5.publishUntilFull('kept/a', gateway);
      const [failed] = eventsLike(program, 'storage.failed', OF_BROKER);
      assert.equal(failed?.level, 'error');
      // MQTT 5 is told. 3.1.1 has no word for it: not acknowledged, the connection ends.
      assert.equal(await v5.publish('kept/a', 'told'), QUOTA_EXCEEDED);
      assert.equal(await v5.publish('retained', 'told too', true), QUOTA_EXCEEDED);
      const isAgain = v4.publish('kept/a', 'again');
      await v4.client.closed();
      // What needs no disk goes on, for those who are there and for those who come.
      const newcomer = await connect(t, gateway, 4);
      await newcomer.publish('live', 'from a newcomer', { qos: 0 });
      await v5.client.publish('live', 'from one who was refused', { qos: 0 });
      await live.received(2);
      assert.deepEqual(v4.acknowledged, []);

      disk.free();
      await untilEvent(program, 'storage.recovered', OF_BROKER);
      assert.equal(await v5.publish('kept/a', 'after'), 0);
      assert.equal(await isAgain, 0);
      // What waited for the disk when it was full has its answer now.
      await eventually('all that was taken is acknowledged', () => v5.acknowledged.at(-1) === 'after');

      if (persistence === 'durable') await program.end('SIGKILL');
      else await program.end('SIGTERM');
      gateway = await gateway.restart();
      const returned = await connect(t, gateway, 5, session);
      assert.equal(returned.sessionPresent, true);
      const promised = [...v5.acknowledged, ...v4.acknowledged];
      await eventually('all that was promised arrives', () => {
        const got = new Set(returned.messages.map(nameOf));
        return promised.every((name) => got.has(name));
      });
      const got = returned.messages.map(nameOf);
      assert.ok(!got.includes('told'), 'what was refused is not delivered');
      assert.equal(new Set(got).size, got.length, 'nothing comes twice');
    });
  }

  it('at a start: it is said, with exit code 2, and once there is room the same command works', async (t) => {
    const disk = SmallDisk.make(DISK_BYTES)!;
    t.after(() => disk.unmount());
    const directory = path.join(disk.directory, 'data');
    mkdirSync(directory);
    await writeGatewayFiles(directory, FILES);
    disk.fill();
    const { code, err } = await sallyport(['start', '--data', directory]);
    assert.equal(code, 2);
    assert.match(err, /cannot be written.*(ENOSPC|full).*the space on its disk/);
    disk.free();
    const gateway = await startGateway({ ...FILES, directory });
    await gateway.stop();
    assert.equal(gateway.program.child.exitCode, 0);
  });

  it('one that is read-only: it is said, with exit code 2', async (t) => {
    const disk = SmallDisk.make(DISK_BYTES)!;
    t.after(() => disk.unmount());
    await writeGatewayFiles(disk.directory, FILES);
    disk.makeReadOnly();
    const { code, err } = await sallyport(['start', '--data', disk.directory]);
    assert.equal(code, 2);
    assert.match(err, /data directory \S+ cannot be written.*its owner, its mode, and the space on its disk/);
  });
});
