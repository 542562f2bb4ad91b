import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../kit/eventually.ts';
import { type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import type { Finished } from '../kit/process.ts';

interface Record {
  readonly n: number;
  readonly k: string;
  readonly d: { readonly [field: string]: unknown };
}

const ANN = { username: 'ann', password: 'a password of the tests' };

describe('the journal of a running gateway', () => {
  let gateway: RunningGateway;
  before(async () => {
    gateway = await startGateway({
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { [ANN.username]: ANN.password },
      acl: ['user ann', 'topic readwrite devices/ann/#'],
      config: { journal: { syncInterval: '50ms' } },
    });
  });
  after(() => gateway?.stop());

  const journal = (...args: string[]): Promise<Finished> =>
    sallyport(['journal', ...args, '--data', gateway.directory]);
  const found = async (...args: string[]): Promise<Record[]> =>
    JSON.parse((await journal('search', '--json', ...args)).out) as Record[];
  /** As soon as what is looked for is there. */
  const until = async (what: string, look: () => Promise<Record[]>, enough = 1): Promise<Record[]> => {
    let records: Record[] = [];
    await eventually(what, async () => {
      records = await look();
      return records.length >= enough;
    });
    return records;
  };
  const port = (): number => gateway.ports.get('tcp')!;

  it('says who logged in, who was refused, and by whom', async () => {
    const options = { ...ANN, clientId: 'pump-7' };
    const client = await MqttJsClient.connect({ port: port(), version: 5, options });
    await assert.rejects(client.client.publishAsync('devices/other/x', 'x', { qos: 1 }));
    await client.client.endAsync();
    await assert.rejects(
      MqttJsClient.connect({ port: port(), version: 5, options: { ...options, password: 'wrong' } }),
    );
    const records = await until('four records', () => found('--client', 'pump-7'), 4);
    assert.deepEqual(records.map(({ d }) => d['name']).sort(), [
      'authentication.failed',
      'authentication.succeeded',
      'client.connected',
      'publish.refused',
    ]);
    const [refused] = await found('--event', 'publish.*', '--user', 'ann');
    assert.equal(refused?.d['topic'], 'devices/other/x');
    assert.equal(refused?.d['by'], 'acl:default');
  });

  it('says what an operator did, with the settings before and after', async () => {
    await gateway.rewrite({ config: { journal: { syncInterval: '50ms' }, limits: { keepAliveMax: '5m' } } });
    assert.equal((await gateway.reload()).code, 0);
    const [change] = await until('the change', () => found('--event', 'settings.changed'));
    assert.deepEqual(change?.d['changes'], [{ path: 'limits.keepAliveMax', before: '20m', after: '5m' }]);
    const [reload] = await found('--by', 'local:*', '--event', 'reload');
    assert.equal(reload?.d['outcome'], 'done');
    assert.equal(reload?.d['from'], 'control socket');
  });

  it('says of a refused reload why it was refused', async () => {
    const file = path.join(gateway.directory, 'acl');
    const good = await readFile(file, 'utf8');
    await writeFile(file, 'nonsense\n');
    assert.equal((await gateway.reload()).code, 2);
    await writeFile(file, good);
    const [refused] = await until('the refusal', async () =>
      (await found('--event', 'reload')).filter(({ d }) => d['outcome'] === 'refused'),
    );
    assert.match(String(refused?.d['says']), /acl:1/);
  });

  it('verifies while it is written, and after the gateway was killed', async () => {
    assert.equal((await journal('verify')).code, 0);
    await gateway.program.end('SIGKILL');
    const verified = await journal('verify');
    assert.equal(verified.code, 0, verified.out + verified.err);
    gateway = await gateway.restart();
    assert.equal((await journal('verify')).code, 0);
    assert.ok((await found('--client', 'pump-7')).length >= 4, 'what was before the kill is still there');
  });

  it('prints hostile names so that no terminal acts on them, in every format', async () => {
    const clientId = 'x\u009b2J\u202ecf';
    await assert.rejects(
      MqttJsClient.connect({ port: port(), version: 5, options: { clientId, username: 'a|b=c\\d', password: 'e' } }),
    );
    await until('it', () => found('--event', 'authentication.failed', '--user', 'a*'));
    for (const args of [
      ['search'],
      ...['jsonl', 'cef', 'ecs', 'ocsf'].map((format) => ['export', '--format', format]),
    ]) {
      const { out, code } = await journal(...args);
      assert.equal(code, 0);
      assert.doesNotMatch(out, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]/, args.join(' '));
      for (const line of args.includes('ecs') || args.includes('ocsf') ? out.trimEnd().split('\n') : [])
        JSON.parse(line);
    }
  });

  it('refuses what makes no sense, and says what does', async () => {
    for (const [args, says] of [
      [['verify', '--key', '/nowhere/key.pub'], /The public key \/nowhere\/key\.pub cannot be used/],
      [['search', '--since', 'yesterday'], /--since takes a time such as .*"yesterday" is neither/],
      [['search', '--limit', '0'], /--limit takes a whole number from 1/],
      [['export', '--format', 'xml'], /"journal export --format xml" is unknown/],
      [['serach'], /Did you mean journal search\?/],
    ] as const) {
      const { err, code } = await journal(...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, says);
    }
  });

  it('takes a folder that holds no journal for no empty one', async () => {
    for (const verb of ['verify', 'search', 'export']) {
      for (const folder of [gateway.directory, '/nonexistent', path.join(gateway.directory, 'acl')]) {
        const { code, err } = await journal(verb, '--journal', folder);
        assert.equal(code, 2, `${verb} ${folder}`);
        assert.match(err, /name the folder of one with --journal\.$/m);
      }
    }
  });

  it('names the journal whose file cannot be read', async () => {
    const copy = path.join(gateway.directory, 'copy');
    await mkdir(path.join(copy, '0000000001.journal'), { recursive: true });
    for (const verb of ['search', 'export']) {
      const { code, err } = await journal(verb, '--journal', copy);
      assert.equal(code, 2);
      assert.match(err, /The journal in .*copy cannot be read: EISDIR/);
    }
  });

  it('tells that it was changed, where, and how', async () => {
    await gateway.program.end();
    const file = path.join(gateway.directory, 'journal', '0000000001.journal');
    await writeFile(file, (await readFile(file, 'utf8')).replace('devices/other/x', 'devices/ann/ok'));
    const { out, code } = await journal('verify');
    assert.equal(code, 1);
    assert.match(out, /changed +0000000001\.journal:\d+: record \d+ or the one before it is not what was written/);
    await writeFile(file, `not a record\n${await readFile(file, 'utf8')}`);
    const exported = await journal('export');
    assert.equal(exported.code, 1);
    assert.match(exported.err, /^1 line of the journal could not be read, and is missing: see/m);
    assert.match(exported.out, /"name":"publish\.refused"/);
  });
});
