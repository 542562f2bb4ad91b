/** Log, journal and recordings on a disk that is full: traffic goes on, and what was lost is counted and said. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { askGateway } from '../../src/app/control/client.ts';
import { systemClock } from '../../src/base/clock.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { eventually } from '../kit/eventually.ts';
import { startGateway } from '../kit/gateway.ts';
import { sallyportInProcess } from '../kit/in-process.ts';
import { publish } from '../kit/packets.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';
import { SmallDisk, withoutSmallDisks } from '../kit/small-disk.ts';

const NOT_AUTHORIZED = 0x87;

interface Status {
  readonly troubles: readonly { readonly what: string }[];
}

describe('sinks on a disk that is full', { skip: withoutSmallDisks }, () => {
  it('hold up no traffic, say what is the matter, and go on when there is room', async (t) => {
    const disk = SmallDisk.make(4 * 1024 * 1024)!;
    const at = (name: string): string => path.join(disk.directory, name);
    mkdirSync(at('journal'), { mode: 0o700 });
    const gateway = await startGateway({
      listeners: [{ name: 'tcp', type: 'tcp', anonymous: true }],
      acl: ['topic readwrite site/#'],
      config: {
        authorization: { aclFile: 'acl' },
        log: { destination: at('events.log') },
        journal: { directory: at('journal'), syncInterval: '50ms' },
        flightRecorder: { enabled: true, directory: at('recordings') },
      },
    });
    t.after(async () => {
      await gateway.stop();
      disk.unmount();
    });
    const open = async (clientId: string): Promise<RawClient> => {
      const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
      await client.connect({ clientId });
      return client;
    };
    const broken = async (): Promise<string> => {
      const socket = path.join(gateway.directory, 'control.sock');
      const outcome = await askGateway(socket, { method: 'GET', path: '/v1/status' }, systemClock);
      assert.ok(outcome.kind === 'answered');
      return (outcome.result as Status).troubles.map(({ what }) => what).join(' ');
    };
    const refused = async (client: RawClient, topic: string): Promise<void> => {
      const packetId = client.nextPacketId();
      client.send(publish(topic, 'x', { qos: 1, packetId }));
      await client.expect(PacketType.Puback, { packetId, reasonCode: NOT_AUTHORIZED });
    };
    const fault = async (clientId: string): Promise<void> => {
      const client = await open(clientId);
      client.sendRaw('f5 00');
      await client.expectDisconnect(0x81);
    };
    const [subscriber, publisher] = [await open('reads'), await open('writes')];
    await subscriber.subscribe('site/#');
    await refused(publisher, 'forbidden/before');

    disk.fill();
    await refused(publisher, 'forbidden/while');
    await fault('garbage');
    await eventually('it is said', async () => {
      const what = await broken();
      return what.includes(at('journal')) && what.includes(at('recordings'));
    });
    for (let i = 0; i < 50; i++) {
      await publisher.publish('site/a', `${i}`, { qos: 1 });
      await subscriber.receive('site/a', `${i}`);
    }
    for (let i = 0; i < 20; i++) await refused(publisher, `forbidden/while/${i}`);

    disk.free();
    await fault('again');
    await eventually('it is over', async () => (await broken()) === '');
    // One that has been refused often tells of some of it only.
    await refused(await open('late'), 'forbidden/after');

    const journal = ['--journal', at('journal'), '--data', gateway.directory];
    await eventually('the last one is in the journal', async () => {
      const { out } = await sallyportInProcess('journal', 'search', '--topic', 'forbidden/after', '--json', ...journal);
      return out.includes('forbidden/after');
    });
    const verified = await sallyportInProcess('journal', 'verify', ...journal);
    assert.equal(verified.code, 0, verified.out + verified.err);
    const found = await sallyportInProcess('journal', 'search', '--topic', 'forbidden/*', '--json', ...journal);
    for (const topic of ['before', 'while', 'after']) assert.ok(found.out.includes(`"forbidden/${topic}"`), topic);
    const log = readFileSync(at('events.log'), 'utf8');
    assert.ok(log.split('\n').slice(0, -1).every(isJson), 'no line of the log is cut');
    for (const event of ['storage.failed', 'storage.recovered']) assert.ok(log.includes(`"event":"${event}"`), event);
  });
});

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
