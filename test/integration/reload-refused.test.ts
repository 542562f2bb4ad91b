import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { eventsLike, untilEvent } from '../kit/event-log.ts';
import type { GatewayFiles, RunningGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { HOST } from '../kit/process.ts';
import { type SecuredGateway, startSecuredGateway, USERNAME } from '../kit/secured-gateway.ts';

interface Breakage {
  readonly name: string;
  /** Undone by the test, which writes all files anew. */
  readonly breakIt: (gateway: RunningGateway) => Promise<unknown>;
  /** What is told: the place, what is wrong, and the cure. */
  readonly told: readonly RegExp[];
}

const BREAKAGES: readonly Breakage[] = [
  {
    name: 'YAML that does not parse',
    breakIt: ({ directory }) =>
      writeFile(path.join(directory, 'sallyport.yaml'), 'listeners:\n  - {name: x\nlimits: 3\n'),
    told: [/sallyport\.yaml:\d+:\d+: /],
  },
  {
    name: 'an unknown key',
    breakIt: (gateway) => gateway.rewrite({ config: { limits: { keepAlivMax: '5m' } } }),
    told: [/sallyport\.yaml:3:5: limits\.keepAlivMax: unknown key; did you mean `limits\.keepAliveMax`\?/],
  },
  {
    name: 'a value out of its range',
    breakIt: (gateway) => gateway.rewrite({ config: { limits: { topicDepthMax: 0 } } }),
    told: [/sallyport\.yaml:3:\d+: limits\.topicDepthMax: 0 is not allowed.*1.*256/],
  },
  {
    name: 'an ACL line that means nothing',
    breakIt: ({ directory }) => appendFile(path.join(directory, 'acl'), 'topic raed a/b\n'),
    told: [/acl:2:\d+: /, /read/],
  },
  {
    name: 'a password that is not hashed',
    breakIt: ({ directory }) => appendFile(path.join(directory, 'users'), 'pump-7:hunter2\n'),
    told: [/users:2:8: .*not hashed/, /sallyport passwd/],
  },
  {
    name: 'a key that belongs to another certificate',
    breakIt: async ({ directory }) => {
      const other = await makeCertificate(await makeCa(), { commonName: 'other', use: 'server' });
      await writeFile(path.join(directory, 'server.key'), other.keyPem);
    },
    told: [/server\.key does not belong to the certificate in \S*server\.crt; name the key/],
  },
  {
    name: 'a certificate that has expired',
    breakIt: async ({ directory }) => {
      const expired = await makeCertificate(await makeCa(), {
        commonName: 'old',
        use: 'server',
        notBefore: new Date('2020-01-01'),
        notAfter: new Date('2021-01-01'),
      });
      await writeFile(path.join(directory, 'server.crt'), expired.certificatePem);
      await writeFile(path.join(directory, 'server.key'), expired.keyPem);
    },
    told: [/server\.crt expired on 2021-01-01; renew it/],
  },
  {
    name: 'a listener that has changed its type',
    breakIt: (gateway) => {
      const [first, ...others] = gateway.files.listeners;
      return gateway.rewrite({ listeners: [{ ...first!, type: 'ws' }, ...others] });
    },
    told: [/listener tcp has changed, which needs a restart; or give it another name/],
  },
];

describe('a reload of what is wrong', () => {
  let secured: SecuredGateway;
  let gateway: RunningGateway;
  let good: GatewayFiles;
  let goodFiles: [file: string, text: string][];
  let witness: MqttJsClient;

  before(async () => {
    secured = await startSecuredGateway({ transports: ['tcp', 'tls'] });
    gateway = secured.gateway;
    good = gateway.files;
    const names = ['server.crt', 'server.key'].map((name) => path.join(gateway.directory, name));
    goodFiles = await Promise.all(
      names.map(async (name): Promise<[string, string]> => [name, await readFile(name, 'utf8')]),
    );
    witness = await MqttJsClient.connect(secured.login('tls'));
    await witness.subscribe(`devices/${USERNAME}/#`, { qos: 1 });
  });
  after(async () => {
    witness?.client.end(true);
    await secured?.stop();
  });

  afterEach(async () => {
    await gateway.rewrite({ config: {}, ...good });
    for (const [file, text] of goodFiles) await writeFile(file, text);
  });

  /** The old settings are in force: for who is there, and for who comes. */
  const goesOn = async (): Promise<void> => {
    const count = witness.messages.length;
    const client = await MqttJsClient.connect(secured.login('tls'));
    await client.publish(`devices/${USERNAME}/x`, 'x', { qos: 1 });
    await assert.rejects(client.publish('devices/other/x', 'x', { qos: 1 }), { code: 0x87 });
    await client.end();
    await witness.received(count + 1);
  };

  for (const { name, breakIt, told } of BREAKAGES) {
    it(`${name}: the place and the cure are told, exit code 2, and the old configuration stays in force`, async () => {
      await breakIt(gateway);
      const { code, out, err } = await gateway.reload();
      assert.equal(code, 2);
      assert.equal(out, '');
      assert.match(err, /^Refused; the old configuration stays in force\.\n/);
      for (const says of told) assert.match(err, says);
      assert.doesNotMatch(err, /\n\s+at |hunter2/);
      await goesOn();

      const [rejected] = eventsLike(gateway.program, 'config.rejected').slice(-1);
      assert.equal(rejected?.level, 'error');
      for (const says of told) assert.match(String(rejected['says']), says);
      const count = eventsLike(gateway.program, 'config.rejected').length;
      gateway.program.child.kill('SIGHUP');
      await untilEvent(gateway.program, 'config.rejected', {}, count);
      await goesOn();
    });
  }

  it('a new listener whose port is taken: none of the rest takes effect either', async (t) => {
    const taken = createServer().listen(0, HOST);
    await once(taken, 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as { port: number };
    await gateway.rewrite({
      listeners: [...good.listeners, { name: 'extra', type: 'tcp', port }],
      acl: ['topic readwrite nothing'],
    });
    const { code, err } = await gateway.reload();
    assert.equal(code, 2);
    assert.match(
      err,
      new RegExp(`127\\.0\\.0\\.1:${port} is in use by another program; stop that one .* or choose another port`),
    );
    await goesOn();
  });

  it('a listener that was renamed and would keep its port: it is told who has the port', async () => {
    const [first, ...others] = good.listeners;
    const port = gateway.ports.get(first!.name)!;
    await gateway.rewrite({ listeners: [{ ...first!, name: 'renamed', port }, ...others] });
    const { code, err } = await gateway.reload();
    assert.equal(code, 2);
    assert.match(
      err,
      new RegExp(`sallyport\\.yaml:\\d+: listener renamed: port ${port} is held by ${first!.name}, .* or restart\\.`),
    );
    await goesOn();
  });

  it('what was mended is taken by the next reload', async () => {
    const { code, err } = await gateway.reload();
    assert.equal(code, 0, err);
    await goesOn();
    assert.deepEqual(witness.disconnectReasons, []);
    assert.equal(witness.client.connected, true);
  });

  it('asked with --json, the answer is JSON', async () => {
    await gateway.rewrite({ config: { limits: { keepAlivMax: '5m' } } });
    const { code, out } = await gateway.reload('--json');
    assert.equal(code, 2);
    const answer = JSON.parse(out) as { ok: boolean; says: string };
    assert.equal(answer.ok, false);
    assert.match(answer.says, /sallyport\.yaml:3:5: /);
  });
});
