/** A web service over HTTPS says who clients are; and a chain differs from listener to listener. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { freePort, HOST, removeDirectory, temporaryDirectory } from '../kit/process.ts';

interface Question {
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly listener: string;
  readonly address: string;
}

describe('a webhook', () => {
  let service: Server;
  let directory: string;
  let gateway: RunningGateway;
  const questions: Question[] = [];
  /** By user name. */
  const answers: Record<string, unknown> = {
    allowed: { result: 'allow', roles: ['reader'], groups: ['north'] },
    renamed: { result: 'allow', username: 'other' },
    brief: { result: 'allow', expiresInS: 1 },
    denied: { result: 'deny' },
    local: { result: 'ignore' },
    odd: { result: 'maybe' },
  };

  before(async () => {
    const ca = await makeCa('Webhook CA');
    const { certificatePem, keyPem } = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    service = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        const question = JSON.parse(body) as Question;
        questions.push(question);
        const isKnown = request.headers.authorization === 'Bearer throwaway-token' && question.password === 'right';
        response.end(JSON.stringify(isKnown ? answers[question.username ?? ''] : { result: 'deny' }));
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => service.listen(port, HOST, resolve));
    directory = await temporaryDirectory('webhook');
    await writeFile(path.join(directory, 'ca.pem'), ca.certificatePem);
    await writeFile(path.join(directory, 'token'), 'throwaway-token\n', { mode: 0o600 });
    gateway = await startGateway({
      directory,
      listeners: [
        { name: 'tcp', type: 'tcp' },
        { name: 'open', type: 'tcp', anonymous: true },
        { name: 'local', type: 'tcp' },
      ],
      users: { local: 'right', allowed: 'of the file' },
      acl: ['pattern readwrite devices/%u/#'],
      config: {
        log: { level: 'debug' },
        authentication: {
          chain: [
            {
              method: 'webhook',
              listeners: ['tcp', 'open'],
              url: `https://127.0.0.1:${port}/mqtt`,
              secret: { file: 'token' },
              tls: { ca: 'ca.pem', serverName: 'localhost' },
              deniedFor: '0s',
            },
            { method: 'password-file' },
            { method: 'anonymous', role: 'guest' },
          ],
        },
      },
    });
  });
  after(async () => {
    await gateway?.stop();
    service?.close();
    service?.closeAllConnections();
    if (directory !== undefined) await removeDirectory(directory);
  });

  const connect = (username: string | undefined, password: string | undefined, listener = 'tcp', clientId = 'c') =>
    MqttJsClient.connect({
      port: gateway.ports.get(listener)!,
      options: {
        clientId,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
      },
    });

  async function refusal(username: string, password: string, listener = 'tcp'): Promise<number> {
    try {
      await (await connect(username, password, listener)).end();
    } catch (error) {
      return (error as { code: number }).code;
    }
    return assert.fail(`${username} was let in`);
  }

  it('is told who asks from where, and what it says of an allowed client holds', async () => {
    await (await connect('allowed', 'right')).end();
    assert.partialDeepStrictEqual(questions.at(-1), {
      clientId: 'c',
      username: 'allowed',
      password: 'right',
      listener: 'tcp',
      address: HOST,
    });
    await untilEvent(gateway.program, 'authentication.succeeded', {
      method: 'webhook',
      roles: ['reader'],
      groups: ['north'],
    });
    const renamed = await connect('renamed', 'right');
    await renamed.publish('devices/other/x', 'under the name that it was given', { qos: 1 });
    await renamed.end();
  });

  it('denies, and what is no answer denies too', async () => {
    assert.equal(await refusal('denied', 'right'), 0x86);
    assert.equal(await refusal('allowed', 'wrong'), 0x86);
    assert.equal(await refusal('odd', 'right'), 0x88);
    await untilEvent(gateway.program, 'backend.failed', { says: /none of allow, deny and ignore/ });
  });

  it('leaves whom it ignores to the next method, and only those', async () => {
    await (await connect('local', 'right')).end();
    await untilEvent(gateway.program, 'authentication.succeeded', { method: 'password-file', username: 'local' });
    assert.equal(await refusal('allowed', 'of the file'), 0x86);
  });

  it('is asked only on the listeners that its entry names', async () => {
    const before = questions.length;
    await (await connect('allowed', 'of the file', 'local')).end();
    assert.equal(await refusal('allowed', 'right', 'local'), 0x86);
    assert.equal(questions.length, before);
  });

  it('says how long an identity is good for, and then its session ends', async () => {
    const client = await connect('brief', 'right');
    await client.closed();
    await untilEvent(gateway.program, 'connection.closed', { username: 'brief', by: 'identity:expired' });
  });

  it('is not asked again for the same credentials right after an allow', async () => {
    await (await connect('allowed', 'right', 'tcp', 'twice')).end();
    const before = questions.length;
    await (await connect('allowed', 'right', 'tcp', 'twice')).end();
    assert.equal(questions.length, before);
    await (await connect('allowed', 'right', 'tcp', 'other')).end();
    assert.equal(questions.length, before + 1);
  });

  it('hears nothing of clients that show nothing; they have the role of their own', async () => {
    const before = questions.length;
    await (await connect(undefined, undefined, 'open')).end();
    await untilEvent(gateway.program, 'authentication.succeeded', { method: 'anonymous', roles: ['guest'] });
    assert.equal(questions.length, before);
    assert.equal(eventsLike(gateway.program, 'authentication.succeeded', { method: 'anonymous' }).length, 1);
  });
});
