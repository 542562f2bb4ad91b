/** JSON Web Tokens from an issuer with a key set behind HTTPS, shown by MQTT.js and by a client that renews them. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { Reason } from '../../src/mqtt/reason.ts';
import { PacketType } from '../../src/mqtt/wire.ts';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { auth, connect } from '../kit/packets.ts';
import { HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const ISSUER = 'https://issuer.test';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const DEADLINE = { timeout: 60_000 };

interface TokenInit {
  claims?: JWTPayload;
  /** From now. */
  lastsS?: number;
  kid?: string;
  key?: KeyObject;
}

function token(
  username: string,
  { claims = {}, lastsS = 600, kid = 'k1', key = privateKey }: TokenInit = {},
): Promise<string> {
  const nowS = Math.floor(Date.now() / 1000);
  return new SignJWT({ sub: username, iss: ISSUER, aud: 'mqtt', exp: nowS + lastsS, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(key);
}

describe('tokens of an issuer', DEADLINE, () => {
  let directory: string;
  let issuer: Server;
  let gateway: RunningGateway;
  let fetches = 0;

  before(async () => {
    directory = await temporaryDirectory('jwt');
    const ca = await makeCa('Issuer CA');
    const certificate = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }];
    issuer = createServer({ cert: certificate.certificatePem, key: certificate.keyPem }, (_asked, answer) => {
      fetches++;
      answer.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys }));
    });
    issuer.listen(0, HOST);
    await once(issuer, 'listening');
    await writeFile(path.join(directory, 'issuer-ca.crt'), ca.certificatePem);
    const jwks = { url: `https://${HOST}:${(issuer.address() as AddressInfo).port}/keys`, ca: 'issuer-ca.crt' };
    const common = { algorithms: ['ES256'], jwks, audience: ['mqtt'], clockTolerance: '0s' };
    gateway = await startGateway({
      directory,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { ada: 'a password of the tests' },
      acl: ['pattern readwrite devices/%u/#'],
      config: {
        authentication: {
          chain: [
            { method: 'jwt', issuer: ISSUER, rolesClaim: 'roles', ...common },
            // Its keys cannot be fetched: nothing listens on that port.
            {
              method: 'jwt',
              name: 'absent',
              issuer: 'https://absent.test',
              ...common,
              jwks: { url: `https://${HOST}:1/` },
            },
            { method: 'password-file' },
          ],
        },
      },
    });
  });

  after(async () => {
    await gateway.stop();
    issuer.close();
    issuer.closeAllConnections();
    await removeDirectory(directory);
  });

  const port = (): number => gateway.ports.get('tcp')!;

  async function refusal(shown: { username?: string; password: string }): Promise<number> {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: port() }, 5);
    client.send(connect(5, { clientId: 'refused', ...shown }));
    const connack = await client.expect(PacketType.Connack);
    await client.expectClosed();
    return connack.reasonCode;
  }

  async function enhanced(data: string): Promise<RawClient> {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: port() }, 5);
    const properties = { authenticationMethod: 'JWT', authenticationData: Buffer.from(data) };
    const connack = await client.connect({ clientId: `enhanced-${Math.random()}`, properties });
    assert.equal(connack.properties.authenticationMethod, 'JWT');
    return client;
  }

  for (const version of [3, 4, 5] as const) {
    it(`let MQTT.js in with protocol version ${version}, as their subject; the keys are fetched once`, async () => {
      const client = await MqttJsClient.connect({
        port: port(),
        version,
        options: { username: 'pump-7', password: await token('pump-7') },
      });
      await client.subscribe('devices/pump-7/#');
      await client.publish('devices/pump-7/up', 'hello', { qos: 1 });
      assert.equal((await client.received(1))[0]!.payload, 'hello');
      await client.end();
      assert.equal(fetches, 1);
    });
  }

  it('stand beside passwords, which go on to the next method', async () => {
    const options = { username: 'ada', password: 'a password of the tests' };
    await (await MqttJsClient.connect({ port: port(), options })).end();
  });

  it('are refused when they are forged, stale, for others, or of somebody else', async () => {
    const good = await token('pump-7');
    const [header, payload, signature] = good.split('.') as [string, string, string];
    const pem = publicKey.export({ format: 'pem', type: 'spki' });
    const hmacHeader = Buffer.from(JSON.stringify({ alg: 'HS256', kid: 'k1' })).toString('base64url');
    const mac = createHmac('sha256', pem).update(`${hmacHeader}.${payload}`).digest('base64url');
    const admin = Buffer.from(JSON.stringify({ sub: 'admin', iss: ISSUER, aud: 'mqtt', exp: 9e9 })).toString(
      'base64url',
    );
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    for (const password of [
      new UnsecuredJWT({ sub: 'pump-7', iss: ISSUER, aud: 'mqtt', exp: 9e9 }).encode(),
      `${hmacHeader}.${payload}.${mac}`,
      `${header}.${admin}.${signature}`,
      await token('pump-7', { key: other }),
      await token('pump-7', { lastsS: -1 }),
      await token('pump-7', { claims: { aud: 'web' } }),
      await token('pump-7', { claims: { iss: 'https://nobody.test' } }),
      await token('#'),
    ]) {
      assert.equal(await refusal({ username: 'pump-7', password }), Reason.BadUserNameOrPassword, password);
    }
    assert.equal(await refusal({ username: 'pump-8', password: good }), Reason.BadUserNameOrPassword);
  });

  it('are refused for lack of keys when the issuer cannot be reached, and an event says so', async () => {
    const foreign = await token('pump-7', { claims: { iss: 'https://absent.test' } });
    assert.equal(await refusal({ password: foreign }), Reason.ServerUnavailable);
    await untilEvent(gateway.program, 'backend.failed');
  });

  it('appear in no log', async () => {
    const good = await token('pump-7');
    await refusal({ username: good, password: 'x' });
    assert.ok(!gateway.program.output.includes(good.slice(0, 40)));
  });

  it('end their sessions when they expire, unless they are renewed by AUTH', async () => {
    const first = await token('pump-7', { lastsS: 3 });
    const [lapsing, renewing] = [await enhanced(first), await enhanced(first)];
    const renewed = Buffer.from(await token('pump-7', { lastsS: 600 }));
    renewing.send(auth(Reason.ReAuthenticate, { authenticationMethod: 'JWT', authenticationData: renewed }));
    await renewing.expect(PacketType.Auth, { reasonCode: Reason.Success, properties: { authenticationMethod: 'JWT' } });
    await lapsing.expectDisconnect(Reason.NotAuthorized);
    await renewing.subscribe('devices/pump-7/#');
    await renewing.publish('devices/pump-7/up', 'still here', { qos: 1 });
    await renewing.receive('devices/pump-7/up', 'still here');
    await renewing.disconnect();
  });

  it('of somebody else, or that are no good, end the session that they should renew', async () => {
    for (const data of [await token('pump-8'), await token('pump-7', { lastsS: -1 }), 'garbage']) {
      const client = await enhanced(await token('pump-7'));
      client.send(auth(Reason.ReAuthenticate, { authenticationMethod: 'JWT', authenticationData: Buffer.from(data) }));
      await client.expectDisconnect(Reason.NotAuthorized);
    }
  });

  it('end their sessions when a reload withdraws the trust in their issuer', async () => {
    const client = await enhanced(await token('pump-7'));
    const config = { authentication: { chain: [{ method: 'password-file' }] } };
    await gateway.rewrite({ config });
    assert.equal((await gateway.reload()).code, 0);
    await client.expectDisconnect(Reason.NotAuthorized);
  });

  it('are looked at by `sallyport check`, which fetches nothing and warns of what is left open', async () => {
    const chain = [{ method: 'jwt', algorithms: ['ES256'], jwks: { url: `https://${HOST}:1/` } }];
    await gateway.rewrite({ config: { authentication: { chain } } });
    const checked = await sallyport(['check', '--data', directory]);
    assert.equal(checked.code, 0, checked.err);
    assert.match(checked.out + checked.err, /names no issuer and no audience/);
    await gateway.rewrite({
      config: { authentication: { chain: [{ method: 'jwt', algorithms: ['ES256'], keys: ['users'] }] } },
    });
    const wrong = await sallyport(['check', '--data', directory]);
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.out + wrong.err, /users:1:1: There is no key in it/);
  });
});
