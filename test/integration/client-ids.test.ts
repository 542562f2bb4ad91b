/** Nobody takes another's client identifier, or the session under it: through the embedded broker and in front of Mosquitto. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { ProtocolVersion } from '../../src/mqtt/wire.ts';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RunningMosquitto, startMosquitto } from '../kit/mosquitto.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';

const withoutMosquitto = spawnSync('mosquitto', ['-h']).error === undefined ? false : 'mosquitto is not installed';
const USERS = { ann: 'hers', bob: 'his' };

function connectTo(
  gateway: RunningGateway,
  who: { user: keyof typeof USERS; clientId: string; version?: ProtocolVersion; clean?: boolean; listener?: string },
): Promise<MqttJsClient> {
  const { user, clientId, version = 5, clean = true, listener = 'tcp' } = who;
  return MqttJsClient.connect({
    port: gateway.ports.get(listener)!,
    version,
    options: {
      username: user,
      password: USERS[user],
      clientId,
      clean,
      ...(version === 5 && !clean ? { properties: { sessionExpiryInterval: 3600 } } : {}),
    },
  });
}

async function refusal(promise: Promise<MqttJsClient>): Promise<number> {
  try {
    await (await promise).end();
  } catch (error) {
    return (error as { code: number }).code;
  }
  return assert.fail('it was let in');
}

for (const [where, skip] of [
  ['the embedded broker', false],
  ['Mosquitto', withoutMosquitto],
] as const) {
  describe(`client identifiers before ${where}`, { skip }, () => {
    let mosquitto: RunningMosquitto | undefined;
    let gateway: RunningGateway;
    before(async () => {
      if (where === 'Mosquitto') mosquitto = await startMosquitto();
      gateway = await startGateway({
        listeners: [
          { name: 'tcp', type: 'tcp' },
          { name: 'bound', type: 'tcp', clientIds: { form: 'prefix', template: '%u:' } },
          { name: 'single', type: 'tcp', clientIds: { duplicate: 'refuse' } },
        ],
        users: USERS,
        acl: ['user ann', 'topic readwrite t/#', 'user bob', 'topic readwrite t/#'],
        config: mosquitto === undefined ? {} : { upstream: `mqtt://127.0.0.1:${mosquitto.port}` },
      });
    });
    after(async () => {
      await gateway?.stop();
      await mosquitto?.stop();
    });

    for (const version of [4, 5] as const) {
      const invalid = version === 5 ? 0x85 : 2;

      it(`are not taken over by another user, and the victim notices nothing (version ${version})`, async () => {
        const victim = await connectTo(gateway, { user: 'ann', clientId: `v${version}`, version });
        await victim.subscribe('t/#');
        const theft = connectTo(gateway, { user: 'bob', clientId: `v${version}`, version });
        assert.equal(await refusal(theft), invalid);
        await victim.publish('t/1', 'still here', { qos: 1 });
        assert.equal((await victim.received(1))[0]?.payload, 'still here');
        const again = await connectTo(gateway, { user: 'ann', clientId: `v${version}`, version });
        await victim.closed();
        await again.end();
      });

      it(`keep their session for their user while it is away (version ${version})`, async () => {
        const who = { user: 'ann', clientId: `away${version}`, version, clean: false } as const;
        const first = await connectTo(gateway, who);
        await first.subscribe('t/away', { qos: 1 });
        await first.end();
        assert.equal(await refusal(connectTo(gateway, { ...who, user: 'bob', clean: true })), invalid);
        const other = await connectTo(gateway, { user: 'bob', clientId: `other${version}`, version });
        await other.publish('t/away', 'kept', { qos: 1 });
        await other.end();
        const back = await connectTo(gateway, who);
        assert.equal(back.sessionPresent, true);
        assert.equal((await back.received(1))[0]?.payload, 'kept');
        await back.end();
      });
    }

    it('are refused while they are connected, where that is the rule, and free again after', async () => {
      const who = { user: 'ann', clientId: 'single', listener: 'single' } as const;
      const first = await connectTo(gateway, who);
      await first.subscribe('t/#');
      assert.equal(await refusal(connectTo(gateway, who)), 0x85);
      await first.publish('t/1', 'still here', { qos: 1 });
      await first.received(1);
      await first.end();
      for (;;) {
        try {
          await (await connectTo(gateway, who)).end();
          break;
        } catch (error) {
          // The broker may not have heard of the end yet.
          assert.equal((error as { code: number }).code, 0x85);
        }
      }
    });

    it('begin with the user name where that is the rule, also those that are assigned', async () => {
      await (await connectTo(gateway, { user: 'ann', clientId: 'ann:1', listener: 'bound' })).end();
      assert.equal(await refusal(connectTo(gateway, { user: 'ann', clientId: 'bob:1', listener: 'bound' })), 0x85);
      await untilEvent(gateway.program, 'connect.refused', { by: 'authentication:clientIds', clientId: 'bob:1' });
      const assigned = await connectTo(gateway, { user: 'ann', clientId: '', listener: 'bound' });
      await untilEvent(gateway.program, 'client.connected', { clientId: /^ann:[0-9a-f]{24}$/ });
      await assigned.end();
    });
  });
}
