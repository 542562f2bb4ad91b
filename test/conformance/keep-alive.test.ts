/** Keep Alive, PINGREQ and DISCONNECT [MQTT5 3.1.2.10, 3.12 to 3.14]. */
import assert from 'node:assert/strict';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { disconnect, publish } from '../kit/packets.ts';
import { chapter, claim } from './suite.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

chapter('Keep Alive, PINGREQ, DISCONNECT', () => {
  claim('PINGREQ is answered by PINGRESP [MQTT-3.12.4-1] [MQTT311-3.12.4-1]', async (world) => {
    const client = await world.connect();
    for (let i = 0; i < 3; i++) {
      client.send({ type: PacketType.Pingreq });
      await client.expect(PacketType.Pingresp);
    }
  });

  claim('each of many PINGREQ in one write is answered [MQTT-3.12.4-1] [MQTT311-3.12.4-1]', async (world) => {
    const client = await world.connect();
    client.send(...Array.from({ length: 20 }, () => ({ type: PacketType.Pingreq })));
    for (let i = 0; i < 20; i++) await client.expect(PacketType.Pingresp);
  });

  claim(
    'a client that is silent for one and a half times its Keep Alive is disconnected [MQTT-3.1.2-22] [MQTT-3.2.2-22] [MQTT311-3.1.2-24]',
    async (world) => {
      const client = await world.connect({ keepAliveS: 1 });
      if (world.version === 5) {
        assert.ok((client.connack?.properties.serverKeepAliveS ?? 1) <= 1);
        const last = await client.next();
        if (last !== 'closed') {
          assert.equal(last.type, PacketType.Disconnect);
          assert.equal(last.reasonCode, Reason.KeepAliveTimeout);
        }
      }
      await client.expectGone();
    },
  );

  claim(
    'a client that is silent for less than one and a half times its Keep Alive stays connected [MQTT-3.1.2-22] [MQTT311-3.1.2-24]',
    async (world) => {
      const client = await world.connect({ keepAliveS: 4 });
      await client.expectNothing(5000);
    },
  );

  claim('any packet counts as a sign of life, not PINGREQ alone [MQTT-3.1.2-22] [MQTT311-3.1.2-24]', async (world) => {
    const client = await world.connect({ keepAliveS: 2 });
    for (let i = 0; i < 6; i++) {
      await pause(800);
      client.send(publish(world.topic(), 'x', { qos: 1, packetId: 1 }));
      await client.expect(PacketType.Puback);
    }
  });

  claim('deliveries of the server are no sign of life [MQTT-3.1.2-22] [MQTT311-3.1.2-24]', async (world) => {
    const client = await world.connect({ keepAliveS: 1 });
    await client.subscribe(world.topic());
    const publisher = await world.connect();
    let ended = false;
    const gone = client.expectGone().then(() => {
      ended = true;
    });
    for (let i = 0; i < 40 && !ended; i++) {
      await publisher.publish(world.topic(), `${i}`);
      await pause(200);
    }
    await gone;
  });

  claim('a packet that is never completed is no sign of life [MQTT-3.1.2-22] [MQTT311-3.1.2-24]', async (world) => {
    const client = await world.connect({ keepAliveS: 1 });
    client.sendRaw('30 7f 00 03 61');
    await client.expectGone();
  });

  claim(
    'a Keep Alive of 0 has no limit of the client, and the server says it if it sets one [MQTT-3.2.2-22] [MQTT311-3.1.2-24]',
    async (world) => {
      const client = await world.connect({ keepAliveS: 0 });
      await client.expectNothing(2500);
    },
  );

  claim('Server Keep Alive, where it comes, is not longer than asked for [MQTT-3.2.2-22]', async (world) => {
    for (const keepAliveS of [1, 10, 65_535]) {
      const client = await world.connect({ keepAliveS });
      assert.ok((client.connack?.properties.serverKeepAliveS ?? keepAliveS) <= keepAliveS);
    }
  });

  claim('after DISCONNECT the server closes the connection [MQTT-3.14.4-2] [MQTT311-3.14.4-1]', async (world) => {
    const client = await world.connect();
    client.send(disconnect());
    await client.expectClosed();
  });

  claim('what follows DISCONNECT is not handled [MQTT-3.14.4-1] [MQTT311-3.14.4-2]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect();
    client.send(disconnect(), publish(world.topic(), 'late'));
    await client.expectClosed();
    await witness.expectNothing();
  });

  claim('what came before DISCONNECT is handled [MQTT-3.14.4-1] [MQTT311-3.14.4-1]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    const client = await world.connect();
    client.send(publish(world.topic(), 'just in time'), disconnect());
    await witness.receive(world.topic(), 'just in time');
  });

  claim('every DISCONNECT reason code of a client is accepted [MQTT-3.14.2-1]', async (world) => {
    const reasons = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    for (const reason of reasons) {
      const client = await world.connect();
      client.send(disconnect(reason, { reasonString: 'because', userProperties: [['a', 'b']] }));
      await client.expectClosed();
    }
  });

  claim('a DISCONNECT of two bytes is one with reason code 0x00 [MQTT-3.14.4-3]', async (world) => {
    const witness = await world.connect();
    await witness.subscribe(world.topic());
    for (const hex of ['e0 00', 'e0 01 00', 'e0 02 00 00']) {
      const client = await world.connect({ will: { topic: world.topic(), payload: hex } });
      client.sendRaw(hex);
      await client.expectClosed();
    }
    await witness.expectNothing(200);
  });
});
