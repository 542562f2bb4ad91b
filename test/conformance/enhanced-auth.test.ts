/** Enhanced authentication, as far as a server without a method shows it [MQTT5 4.12]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { auth, connect } from '../kit/packets.ts';
import { chapter, claim } from './suite.ts';

chapter('Enhanced authentication', () => {
  for (const properties of [
    { authenticationMethod: 'unheard-of' },
    { authenticationMethod: 'unheard-of', authenticationData: Buffer.from('data') },
    { authenticationMethod: '' },
  ]) {
    claim(
      `the method "${properties.authenticationMethod}"${'authenticationData' in properties ? ' with data' : ''}, which the server does not support, is refused [MQTT-4.12.0-1] [MQTT-4.12.0-4]`,
      async (world) => {
        const client = await world.attempt({ properties });
        const answer = await client.next();
        if (answer === 'closed') {
          assert.notEqual(world.target.name, 'gateway', 'the gateway says why');
          return;
        }
        assert.equal(answer.type, PacketType.Connack);
        const { BadAuthenticationMethod, NotAuthorized } = Reason;
        assert.ok([BadAuthenticationMethod, NotAuthorized].includes(answer.reasonCode as 0x87), `${answer.reasonCode}`);
        await client.expectClosed();
      },
    );
  }

  claim('a client that named no method never sees AUTH [MQTT-4.12.0-6]', async (world) => {
    const client = await world.connect();
    await client.subscribe(world.topic(), 2);
    await client.publish(world.topic(), 'x', { qos: 2 });
    await client.receive(world.topic(), 'x');
    await client.expectNothing();
  });

  claim('AUTH in place of CONNECT ends the connection [MQTT-3.1.0-1]', async (world) => {
    const client = await world.open();
    client.send(auth(Reason.ReAuthenticate, { authenticationMethod: 'm' }));
    await client.expectClosed();
  });

  claim('AUTH sent right behind CONNECT without a method is a protocol error [MQTT-4.12.0-7]', async (world) => {
    const client = await world.open();
    client.send(connect(5, world.init()), auth(Reason.ContinueAuthentication, { authenticationMethod: 'm' }));
    const answers = [await client.next(), await client.next()];
    const [connack, last] = answers;
    // It is for the server whether it accepts the CONNECT before it reads on.
    if (connack === 'closed') return;
    assert.equal(connack?.type, PacketType.Connack);
    if (last === 'closed') return;
    assert.equal(last?.type, PacketType.Disconnect);
    await client.expectClosed();
  });
});
