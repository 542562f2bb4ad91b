import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { askGateway } from '../../src/app/control/client.ts';
import { systemClock } from '../../src/base/clock.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { startMosquitto } from '../kit/mosquitto.ts';
import { subscribe } from '../kit/packets.ts';
import { HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';
const PASSWORD = 'a password of the tests';
const NOT_AUTHORIZED = 0x87;
const DECOY = [{ name: 'decoy', targets: [{ url: 'mqtt://127.0.0.1:18831' }] }];
const POLICY = `
roles:
  device:
    grants:
      - { allow: [publish, subscribe, receive], topics: [site/#, notices/#] }
  confined:
    grants:
      - { allow: [subscribe, receive], topics: notices/# }
assignments:
  - { roles: device, to: authenticated }
`;

for (const workers of [1, 2]) {
  test(`a client in quarantine has one role and no other until it is over, with ${workers} ${workers === 1 ? 'process' : 'workers'}`, async (t) => {
    const directory = await temporaryDirectory('quarantine');
    await writeFile(path.join(directory, 'policy.yaml'), POLICY);
    const config = {
      workers,
      authentication: { passwordFile: 'users' },
      authorization: { policyFile: 'policy.yaml' },
      detection: { sysProbing: { response: ['quarantine'] } },
    };
    const gateway = await startGateway({
      directory,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { ann: PASSWORD },
      config: { ...config, response: { quarantine: { role: 'confined' } } },
    });
    t.after(async () => {
      await gateway.stop();
      await removeDirectory(directory);
    });
    const open = async (clientId: string): Promise<RawClient> => {
      const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
      await client.connect({ clientId, username: 'ann', password: PASSWORD });
      return client;
    };
    const [suspect, other] = [await open('d1'), await open('d2')];
    assert.equal(await suspect.subscribe('site/#'), 0);
    assert.equal(await suspect.subscribe('notices/#'), 0);
    await other.publish('site/a', 'before');
    await suspect.receive('site/a', 'before');

    for (let i = 0; i < 4; i++) assert.equal(await suspect.subscribe(`$SYS/broker/${i}`), NOT_AUTHORIZED);
    await untilEvent(gateway.program, 'response.taken', {
      action: 'quarantine',
      subject: 'd1',
      by: 'detector:sysProbing',
    });
    await untilEvent(gateway.program, 'subscription.revoked', { clientId: 'd1', filter: 'site/#' });
    await other.publish('site/b', 'kept from it');
    await other.publish('notices/a', 'for it as well');
    await suspect.receive('notices/a', 'for it as well');
    assert.equal(await suspect.subscribe('site/a'), NOT_AUTHORIZED);
    assert.equal(await other.subscribe('site/#'), 0, 'nobody else is confined');

    // It comes back, maybe to another worker, and is confined still.
    await suspect.disconnect();
    const listed = await sallyport(['quarantine', 'list', '--data', gateway.directory]);
    assert.match(
      listed.out,
      /^subject +until +left\nclient:d1 +\d{4}-\d\d-\d\dT[\d:.]+Z +(\d+ min|1 h)\n$/,
      listed.err,
    );
    const again = await open('d1');
    assert.equal(await again.subscribe('site/#'), NOT_AUTHORIZED);
    assert.equal(await again.subscribe('notices/#'), 0);

    // Without the role nobody can be confined; who is connected has its own rights again.
    await gateway.rewrite({ config });
    gateway.program.child.kill('SIGHUP');
    await untilEvent(gateway.program, 'config.reloaded');
    assert.equal(await again.subscribe('site/#'), 0);
    for (const client of [again, other]) await client.disconnect();

    if (workers > 1) return;
    await gateway.rewrite({ config: { ...config, response: { quarantine: { role: 'confined', duration: '1s' } } } });
    gateway.program.child.kill('SIGHUP');
    await untilEvent(gateway.program, 'config.reloaded', {}, 1);
    await endsByItself(await open('d3'), gateway);
  });
}

async function endsByItself(client: RawClient, { program }: RunningGateway): Promise<void> {
  for (let i = 0; i < 4; i++) assert.equal(await client.subscribe(`$SYS/broker/${i}`), NOT_AUTHORIZED);
  await untilEvent(program, 'quarantine.ended', { subject: 'd3', change: 'ended' });
  await eventually('its rights are back', async () => (await client.subscribe('site/#')) === 0);
  await client.disconnect();
}

test('whoever a detector has confined is let go as the list names it, on all workers, and the journal has it', async (t) => {
  const directory = await temporaryDirectory('quarantine');
  await writeFile(path.join(directory, 'policy.yaml'), POLICY);
  const gateway = await startGateway({
    directory,
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { ann: PASSWORD },
    config: {
      workers: 2,
      authentication: { passwordFile: 'users' },
      authorization: { policyFile: 'policy.yaml' },
      detection: {
        unauthorizedAccess: { refusalsPerAddress: 3, response: ['quarantine'] },
        sharedCredential: { clientIdsPerUsername: 2, response: ['quarantine'] },
      },
      response: { quarantine: { role: 'confined' } },
    },
  });
  t.after(async () => {
    await gateway.stop();
    await removeDirectory(directory);
  });
  const open = async (clientId: string): Promise<RawClient> => {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    await client.connect({ clientId, username: 'ann', password: PASSWORD });
    return client;
  };
  const quarantine = (...words: string[]) => sallyport(['quarantine', ...words, '--data', directory]);
  const confined = async (subject: string): Promise<void> => {
    await untilEvent(gateway.program, 'response.taken', { action: 'quarantine', subject });
  };

  // By its address.
  const clients = [await open('d1')];
  for (let i = 0; i < 5; i++) assert.equal(await clients[0]!.subscribe(`foreign/${i}`), NOT_AUTHORIZED);
  await confined(HOST);
  await eventually('it is confined', async () => (await clients[0]!.subscribe('site/#')) === NOT_AUTHORIZED);
  assert.match((await quarantine('list')).out, new RegExp(`\\naddress:${HOST} +\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z +\\d+ `));
  const released = await quarantine('release', HOST, '--reason', 'our own scanner');
  assert.equal(released.out, `address:${HOST} is out of quarantine.\n`, released.err);
  await untilEvent(gateway.program, 'quarantine.ended', { subject: HOST, change: 'released' });
  await eventually('its rights are back', async () => (await clients[0]!.subscribe('site/#')) === 0);
  const again = await quarantine('release', HOST);
  assert.deepEqual([again.code, again.out], [2, '']);
  assert.match(again.err, /address:127\.0\.0\.1 is not in quarantine itself; `sallyport quarantine list` shows who is/);

  // By its user, whose clients the two workers share.
  for (const clientId of ['d2', 'd3', 'd4']) clients.push(await open(clientId));
  await confined('ann');
  const socket = path.join(directory, 'control.sock');
  const asked = { method: 'DELETE', path: '/v1/quarantine', query: { subject: 'user:ann' } } as const;
  assert.deepEqual(await askGateway(socket, asked, systemClock), {
    kind: 'answered',
    result: { subject: 'user:ann', quarantined: [] },
  });
  for (const client of clients) {
    await eventually('its rights are back', async () => (await client.subscribe('site/a')) === 0);
    await client.disconnect();
  }
  const search = { method: 'GET', path: '/v1/journal', query: { event: 'quarantine-release' } } as const;
  let actions: { d: { words: string[]; outcome: string } }[] = [];
  await eventually('the journal has them', async () => {
    const found = await askGateway(socket, search, systemClock);
    assert.ok(found.kind === 'answered', JSON.stringify(found));
    actions = (found.result as { records: typeof actions }).records;
    return actions.length === 3;
  });
  assert.deepEqual(actions.map(({ d: { words, outcome } }) => `${words.join(' ').trim()}: ${outcome}`).sort(), [
    `${HOST} our own scanner: done`,
    `${HOST}: refused`,
    'user:ann: done',
  ]);
});

test('a client in quarantine talks to the decoy and to nobody else, until that is over', {
  skip: withoutMosquitto,
}, async (t) => {
  const decoy = await startMosquitto();
  t.after(() => decoy.stop());
  const gateway = await startGateway({
    listeners: [{ name: 'tcp', type: 'tcp' }],
    users: { ann: PASSWORD },
    acl: ['user ann', 'topic readwrite site/#'],
    config: {
      authentication: { passwordFile: 'users' },
      authorization: { aclFile: 'acl' },
      upstreams: [{ name: 'decoy', targets: [{ url: `mqtt://${HOST}:${decoy.port}` }] }],
      detection: { sysProbing: { response: ['quarantine'] } },
      response: { quarantine: { upstream: 'decoy', duration: '8s' } },
    },
  });
  t.after(() => gateway.stop());
  const open = async (clientId: string, port = gateway.ports.get('tcp')!): Promise<RawClient> => {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port }, 5);
    await client.connect({ clientId, username: 'ann', password: PASSWORD });
    return client;
  };
  const [suspect, other, watcher] = [await open('d1'), await open('d2'), await open('w', decoy.port)];
  for (const each of [other, watcher]) await each.subscribe('site/#');
  const probe = [1, 2, 3, 4].map((i) => ({ filter: `$SYS/broker/${i}` }));
  for (const [i, filter] of probe.entries()) suspect.send(subscribe(i + 1, [filter]));
  // The third may be enough already, and the fourth has no answer then.
  let answer = await suspect.next();
  for (; answer !== 'closed' && answer.type === PacketType.Suback; answer = await suspect.next())
    assert.deepEqual(answer.reasonCodes, [NOT_AUTHORIZED]);
  assert.partialDeepStrictEqual(answer, { type: PacketType.Disconnect, reasonCode: 0x98 });
  await suspect.expectClosed();

  const confined = await open('d1');
  await untilEvent(gateway.program, 'quarantine.diverted', { clientId: 'd1', upstream: 'decoy' });
  await confined.publish('site/a', 'bait', { qos: 1 });
  await watcher.receive('site/a', 'bait');

  await confined.expectDisconnect(0x98);
  const free = await open('d1');
  await free.publish('site/a', 'good again', { qos: 1 });
  // What went to the decoy would have come first.
  await other.receive('site/a', 'good again');
  for (const each of [free, other, watcher]) await each.disconnect();
});

test('a role that the policy does not have, and one without a policy, are refused with the cure', async (t) => {
  const check = async (config: object): Promise<string> => {
    const directory = await temporaryDirectory('quarantine');
    t.after(() => removeDirectory(directory));
    await writeFile(path.join(directory, 'policy.yaml'), POLICY);
    await writeFile(path.join(directory, 'users'), '', { mode: 0o600 });
    const listeners = [{ name: 'tcp', type: 'tcp', address: HOST, port: 18_830 }];
    await writeFile(path.join(directory, 'sallyport.yaml'), JSON.stringify({ listeners, ...config }));
    const { code, out, err } = await sallyport(['check', '--data', directory]);
    assert.notEqual(code, 0, out);
    return `${out}${err}`;
  };
  const response = { quarantine: { role: 'confind' } };
  const [unknownRole, unknownUpstream, noPolicy] = await Promise.all([
    check({ authorization: { policyFile: 'policy.yaml' }, response }),
    check({ response: { quarantine: { upstream: 'decoi' } }, upstreams: DECOY }),
    check({ response }),
  ]);
  assert.match(
    unknownRole,
    /response\.quarantine\.role names "confind", a role that .*policy\.yaml does not have\. Did you mean confined\?/,
  );
  assert.match(unknownUpstream, /response\.quarantine\.upstream: there is no upstream "decoi"; did you mean decoy\?/);
  assert.match(noPolicy, /response\.quarantine\.role names a role, and roles need a policy/);
});
