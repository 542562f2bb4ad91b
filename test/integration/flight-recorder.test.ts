/** Attacks from real sockets, and what the flight recorder writes around them: read by tshark, and as JSON. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Recording } from '../../src/app/observability/flight-recorder/recording.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { HOST } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const without = spawnSync('tshark', ['--version']).error === undefined ? false : 'tshark is not installed';
const PASSWORD = 'a password of the tests';
const NOT_AUTHORIZED = 0x87;

describe('the flight recorder', () => {
  let gateway: RunningGateway;
  before(async () => {
    gateway = await startGateway({
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { ann: PASSWORD },
      acl: ['user ann', 'topic readwrite site/#'],
      config: {
        detection: { sysProbing: { response: ['alert'] } },
        flightRecorder: { enabled: true, filesMax: 2 },
      },
    });
  });
  after(() => gateway?.stop());

  const open = async (clientId: string): Promise<RawClient> => {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    await client.connect({ clientId, username: 'ann', password: PASSWORD });
    return client;
  };
  /** Type and topic of each packet, as tshark sees them. */
  const seen = (file: string): string[] => {
    const port = gateway.ports.get('tcp')!;
    const fields = ['-T', 'fields', '-e', 'tcp.srcport', '-e', 'mqtt.msgtype', '-e', 'mqtt.topic'];
    const { stdout } = spawnSync('tshark', ['-n', '-r', file, '-d', `tcp.port==${port},mqtt`, ...fields], {
      encoding: 'utf8',
    });
    return stdout
      .trim()
      .split('\n')
      .map((line) =>
        line
          .trim()
          .replace(`${port}\t`, '< ')
          .replace(/^\d+\t/, '> ')
          .replace('\t', ' '),
      );
  };
  const json = (file: string): Recording =>
    JSON.parse(readFileSync(file.replace(/pcapng$/, 'json'), 'utf8')) as Recording;

  const shown = ['> 1', '< 2', '> 8 $SYS/broker/0', '< 9', '> 8 $SYS/broker/1', '< 9'];

  it('writes what led to a detection', { skip: without }, async () => {
    const client = await open('prober');
    for (let i = 0; i < 6; i++) assert.equal(await client.subscribe(`$SYS/broker/${i}`), NOT_AUTHORIZED);
    const { path, incident } = await untilEvent(gateway.program, 'recording.written', { clientId: 'prober' });
    assert.equal(incident, 'detector:sysProbing');
    assert.deepEqual(seen(String(path)).slice(0, shown.length), shown);
    const recording = json(String(path));
    assert.equal(recording.clientId, 'prober');
    assert.deepEqual(
      recording.packets.slice(0, 3).map(({ direction, type }) => `${direction} ${type}`),
      ['from client CONNECT', 'to client CONNACK', 'from client SUBSCRIBE'],
    );
    for (const file of [String(path), String(path).replace(/pcapng$/, 'json')]) {
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.ok(!readFileSync(file).includes(PASSWORD));
      assert.ok(!readFileSync(file).includes(Buffer.from(PASSWORD).toString('hex')));
    }
    await client.disconnect();
  });

  it('writes what a client did before it was banned, its last packets included', { skip: without }, async () => {
    const client = await open('banned');
    await client.publish('site/before', 'x');
    const banned = await sallyport(['ban', 'add', 'client:banned', '--for', '1m', '--data', gateway.directory]);
    assert.equal(banned.code, 0, banned.err);
    const { path, incident } = await untilEvent(gateway.program, 'recording.written', { clientId: 'banned' });
    assert.match(String(incident), /^ban:/);
    const lines = seen(String(path));
    assert.deepEqual(lines.slice(0, 3), ['> 1', '< 2', '> 3 site/before']);
    const { packets } = json(String(path));
    assert.ok(packets.some(({ type, topic }) => type === 'PUBLISH' && topic === 'site/before'));
    await client.expectDisconnect(0x98);
  });

  it('keeps so many, and tells which bound has taken the oldest', async () => {
    const client = await open('garbage');
    client.sendRaw('f5 00');
    const { path } = await untilEvent(gateway.program, 'recording.written', { clientId: 'garbage' });
    await untilEvent(gateway.program, 'ceiling.reached', { ceiling: 'flightRecorder.filesMax' });
    const listed = await sallyport(['recorder', 'list', '--json', '--data', gateway.directory]);
    const { recordings } = (JSON.parse(listed.out) as { result: { recordings: { name: string }[] } }).result;
    assert.equal(recordings.length, 2);
    assert.ok(String(path).includes(recordings[0]!.name), 'the newest is there');
    assert.ok(eventsLike(gateway.program, 'recording.written', {}).length >= 3);
  });
});
