import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from './fault.ts';
import * as faults from './faults.ts';
import type { AuthPacket, ConnackPacket, ConnectPacket, DisconnectPacket, Packet } from './packet.ts';
import type { Properties } from './properties.ts';
import { PacketOrder } from './sequence.ts';
import { PacketType } from './wire.ts';

const connect = (properties: Properties = {}, cleanStart = true): ConnectPacket => ({
  type: PacketType.Connect,
  protocolVersion: 5,
  bridge: false,
  cleanStart,
  keepAliveS: 0,
  clientId: 'c',
  properties,
});
const connack = (reasonCode = 0, properties: Properties = {}, sessionPresent = false): ConnackPacket => ({
  type: PacketType.Connack,
  sessionPresent,
  reasonCode,
  properties,
});
const auth = (reasonCode: number, authenticationMethod?: string): AuthPacket => ({
  type: PacketType.Auth,
  reasonCode,
  properties: authenticationMethod === undefined ? {} : { authenticationMethod },
});
const disconnect = (properties: Properties = {}): DisconnectPacket => ({
  type: PacketType.Disconnect,
  reasonCode: 0,
  properties,
});
const ping: Packet = { type: PacketType.Pingreq };
const pong: Packet = { type: PacketType.Pingresp };
const METHOD = { authenticationMethod: 'm' };

type Step = ['client' | 'server', Packet];

/** Plays a connection before both orders and returns the first fault, with its step. */
function play(...steps: Step[]): [step: number, fault: Fault] | undefined {
  const orders = { client: new PacketOrder('client'), server: new PacketOrder('server') };
  for (const [at, [by, packet]] of steps.entries()) {
    const fault = orders[by].next(packet.type) ?? orders[by].check(packet);
    if (fault !== undefined) return [at, fault];
    orders[by === 'client' ? 'server' : 'client'].observe(packet);
  }
  return undefined;
}

test('an ordinary connection passes, also when the client does not wait for CONNACK', () => {
  assert.equal(
    play(
      ['client', connect()],
      ['client', ping],
      ['server', connack()],
      ['server', pong],
      ['client', ping],
      ['server', disconnect()],
    ),
    undefined,
  );
  assert.equal(play(['client', connect()], ['server', connack()], ['client', disconnect()]), undefined);
});

test('CONNECT comes first [MQTT-3.1.0-1] [MQTT311-3.1.0-1] and once [MQTT-3.1.0-2] [MQTT311-3.1.0-2]', () => {
  assert.deepEqual(play(['client', ping]), [0, faults.FirstPacketNotConnect]);
  assert.deepEqual(play(['client', connect()], ['client', connect()]), [1, faults.SecondConnect]);
  assert.deepEqual(play(['client', connect()], ['server', connack()], ['client', connect()]), [
    2,
    faults.SecondConnect,
  ]);
});

test('nothing follows a DISCONNECT [MQTT-3.14.4-1] [MQTT311-3.14.4-2]', () => {
  assert.deepEqual(play(['client', connect()], ['server', connack()], ['client', disconnect()], ['client', ping]), [
    3,
    faults.PacketAfterDisconnect,
  ]);
  assert.deepEqual(play(['client', connect()], ['client', disconnect()], ['client', ping]), [
    2,
    faults.PacketAfterDisconnect,
  ]);
  assert.deepEqual(play(['client', connect()], ['server', connack()], ['server', disconnect()], ['server', pong]), [
    3,
    faults.PacketAfterDisconnect,
  ]);
});

test('nothing follows a refusal [MQTT-3.2.2-7] [MQTT311-3.2.2-5] [MQTT-3.1.4-6] [MQTT311-3.1.4-5]', () => {
  assert.deepEqual(play(['client', connect()], ['server', connack(0x87)], ['server', pong]), [
    2,
    faults.PacketAfterRefusal,
  ]);
  assert.deepEqual(play(['client', connect()], ['server', connack(0x87)], ['client', ping]), [
    2,
    faults.PacketAfterRefusal,
  ]);
});

test('a server begins with CONNACK [MQTT-3.2.0-1] [MQTT311-3.2.0-1] and sends one [MQTT-3.2.0-2]', () => {
  assert.deepEqual(play(['client', connect()], ['server', pong]), [1, faults.FirstPacketNotConnack]);
  assert.deepEqual(play(['client', connect()], ['server', connack()], ['server', connack()]), [
    2,
    faults.SecondConnack,
  ]);
  // [MQTT-3.14.0-1]
  assert.deepEqual(play(['client', connect()], ['server', disconnect()]), [1, faults.ServerDisconnectBeforeConnack]);
});

test('a clean start leaves no session present [MQTT-3.2.2-2] [MQTT311-3.2.2-1]', () => {
  assert.deepEqual(play(['client', connect()], ['server', connack(0, {}, true)]), [
    1,
    faults.SessionPresentAfterCleanStart,
  ]);
  assert.equal(play(['client', connect({}, false)], ['server', connack(0, {}, true)]), undefined);
});

test('enhanced authentication runs in turns [MQTT-4.12.0-2] [MQTT-4.12.0-3]', () => {
  const begin: Step[] = [
    ['client', connect(METHOD)],
    ['server', auth(0x18, 'm')],
    ['client', auth(0x18, 'm')],
    ['server', auth(0x18, 'm')],
    ['client', auth(0x18, 'm')],
  ];
  assert.equal(play(...begin, ['server', connack(0, METHOD)], ['client', ping]), undefined);
  assert.deepEqual(play(...begin, ['client', auth(0x18, 'm')]), [5, faults.AuthUnexpected]);
  assert.deepEqual(play(...begin, ['server', auth(0, 'm')]), [5, faults.AuthUnexpected]);
  assert.deepEqual(play(...begin.slice(0, 1), ['client', auth(0x18, 'm')]), [1, faults.AuthUnexpected]);
  assert.deepEqual(play(...begin.slice(0, 2), ['client', auth(0x19, 'm')]), [2, faults.AuthUnexpected]);
  // A refusal may come at any step.
  assert.equal(play(...begin, ['server', connack(0x87)]), undefined);
  assert.equal(play(...begin, ['client', disconnect()]), undefined);
});

test('until CONNACK a client that authenticates sends only AUTH and DISCONNECT [MQTT-3.1.2-30]', () => {
  assert.deepEqual(play(['client', connect(METHOD)], ['client', ping]), [1, faults.PacketDuringAuthentication]);
});

test('without a method there is no AUTH, of either side [MQTT-4.12.0-7] [MQTT-4.12.0-6]', () => {
  assert.deepEqual(play(['client', connect()], ['client', auth(0x18, 'm')]), [1, faults.AuthWithoutMethodInConnect]);
  assert.deepEqual(play(['client', connect()], ['server', connack()], ['client', auth(0x19, 'm')]), [
    2,
    faults.AuthWithoutMethodInConnect,
  ]);
  assert.deepEqual(play(['client', connect()], ['server', auth(0x18, 'm')]), [1, faults.ServerAuthUnasked]);
  assert.deepEqual(play(['client', connect()], ['server', connack()], ['server', auth(0x18, 'm')]), [
    2,
    faults.ServerAuthUnasked,
  ]);
  assert.deepEqual(play(['client', connect()], ['server', connack(0, METHOD)]), [1, faults.ServerAuthUnasked]);
});

test('the method never changes [MQTT-4.12.0-5] [MQTT-4.12.1-1]', () => {
  assert.deepEqual(play(['client', connect(METHOD)], ['server', auth(0x18, 'n')]), [
    1,
    faults.AuthenticationMethodChanged,
  ]);
  assert.deepEqual(play(['client', connect(METHOD)], ['server', auth(0x18, 'm')], ['client', auth(0x18, 'n')]), [
    2,
    faults.AuthenticationMethodChanged,
  ]);
  assert.deepEqual(play(['client', connect(METHOD)], ['server', connack(0)]), [1, faults.AuthenticationMethodChanged]);
  assert.deepEqual(play(['client', connect(METHOD)], ['server', connack(0, METHOD)], ['client', auth(0x19, 'n')]), [
    2,
    faults.AuthenticationMethodChanged,
  ]);
});

test('a client may authenticate anew on a live connection, one exchange at a time', () => {
  const begin: Step[] = [
    ['client', connect(METHOD)],
    ['server', connack(0, METHOD)],
    ['client', auth(0x19, 'm')],
  ];
  assert.equal(
    play(
      ...begin,
      ['client', ping],
      ['server', auth(0x18, 'm')],
      ['server', pong],
      ['client', auth(0x18, 'm')],
      ['server', auth(0)],
      ['client', auth(0x19, 'm')],
      ['server', auth(0, 'm')],
    ),
    undefined,
  );
  assert.deepEqual(play(...begin, ['client', auth(0x19, 'm')]), [3, faults.AuthUnexpected]);
  assert.deepEqual(play(...begin, ['client', auth(0x18, 'm')]), [3, faults.AuthUnexpected]);
  assert.deepEqual(play(...begin.slice(0, 2), ['client', auth(0x18, 'm')]), [2, faults.AuthUnexpected]);
  assert.deepEqual(play(...begin.slice(0, 2), ['server', auth(0x18, 'm')]), [2, faults.AuthUnexpected]);
  assert.deepEqual(play(...begin, ['server', auth(0, 'm')], ['server', auth(0, 'm')]), [4, faults.AuthUnexpected]);
});

test('a DISCONNECT does not revive a session that was to end with the connection', () => {
  const end = (expiry: number | undefined, revived: number) =>
    play(
      ['client', connect(expiry === undefined ? {} : { sessionExpiryIntervalS: expiry })],
      ['server', connack()],
      ['client', disconnect({ sessionExpiryIntervalS: revived })],
    );
  assert.deepEqual(end(undefined, 5), [2, faults.SessionExpiryRevived]);
  assert.deepEqual(end(0, 5), [2, faults.SessionExpiryRevived]);
  assert.equal(end(0, 0), undefined);
  assert.equal(end(10, 5), undefined);
  assert.equal(end(10, 0), undefined);
});
