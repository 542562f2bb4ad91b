/** docs/operating.md is pasted into a shell beside a gateway: every block and every command of its table has to work. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { untilEvent } from '../kit/event-log.ts';
import { eventually } from '../kit/eventually.ts';
import { COMMAND, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { publish } from '../kit/packets.ts';
import { type Finished, HOST, Program, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';
import { RawClient } from '../kit/raw-client.ts';

const PAGE = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
const TABLE = [...PAGE.matchAll(/^\| `(sallyport [^`]+)` \|/gm)].map(([, command = '']) => command);
const PASSWORD = 'a password of the tests';
const KEPT = { cleanStart: false, properties: { sessionExpiryIntervalS: 3600 } };
const POLICY = {
  roles: {
    device: { grants: [{ allow: ['publish', 'subscribe', 'receive'], topics: 'site/pump-7/#' }] },
    confined: { grants: [{ allow: ['subscribe'], topics: 'notices/#' }] },
    ...(parse(/^```yaml\n([\s\S]*?)^```$/m.exec(PAGE)![1]!) as { roles: object }).roles,
  },
  assignments: [
    { to: 'authenticated', roles: ['device'] },
    { to: { user: 'ops' }, roles: ['dashboard'] },
  ],
};

describe('docs/operating.md', { skip: spawnSync('bash', ['--version']).error && 'bash is not installed' }, () => {
  let home: string;
  let gateway: RunningGateway;

  before(async () => {
    home = await temporaryDirectory('operating');
    const data = path.join(home, 'data');
    await mkdir(data);
    await writeFile(path.join(data, 'policy.yaml'), stringify(POLICY));
    gateway = await startGateway({
      directory: data,
      listeners: [{ name: 'tcp', type: 'tcp' }],
      users: { ann: PASSWORD, ops: PASSWORD },
      config: {
        authentication: { passwordFile: 'users' },
        authorization: { policyFile: 'policy.yaml' },
        response: { quarantine: { role: 'confined' } },
        flightRecorder: { enabled: true },
        broker: { persistence: 'memory' },
        log: { topics: 'hashed' },
      },
    });
    const away = await open('away', 'ann');
    await away.disconnect();
    await untilEvent(gateway.program, 'connection.closed', { clientId: 'away' });
  });
  after(async () => {
    await gateway?.stop();
    await removeDirectory(home);
  });

  const open = async (clientId: string, username: string): Promise<RawClient> => {
    const client = await RawClient.open({ transport: 'tcp', host: HOST, port: gateway.ports.get('tcp')! }, 5);
    await client.connect({ clientId, username, password: PASSWORD, ...KEPT });
    return client;
  };
  const shell = (text: string): string[] => {
    const command = `sallyport() { ${JSON.stringify(process.execPath)} ${JSON.stringify(COMMAND)} "$@"; }`;
    return ['-euo', 'pipefail', '-c', `${command}\n${text}`];
  };
  const paste = async (text: string): Promise<Finished> => {
    const finished = await runToEnd('bash', shell(text), { cwd: home });
    assert.equal(finished.code, 0, `${text}\n${finished.out}${finished.err}`);
    return finished;
  };
  const blockWith = (word: string): string => {
    const found = BLOCKS.filter((block) => block.includes(word));
    assert.equal(found.length, 1, word);
    return found[0]!;
  };
  /** It may do nothing at the door, and the log says so. */
  const refuse = async (client: RawClient): Promise<void> => {
    client.send(publish('site/door/open', 'x', { qos: 0 }));
    await untilEvent(gateway.program, 'publish.refused', { clientId: 'pump-7' });
  };

  it('shows commands that work: of the state, the clients and their sessions', async () => {
    const pump = await open('pump-7', 'ann');
    assert.equal(await pump.subscribe('site/pump-7/#', 1), 1);
    const [state, watched, clients, sessions] = await Promise.all([
      paste(BLOCKS[0]!),
      paste(blockWith('look after the gateway')),
      paste(blockWith('clients show')),
      paste(blockWith('sessions show')),
    ]);
    assert.match(state.out, /^Sallyport \S+ is well, up for .+ \(process \d+\)\nlisteners +tcp \(tcp\) /);
    // As the page shows them, in this order.
    const labels = [...PAGE.matchAll(/^ {4}([a-z]+) {2,}/gm)].map(([, label = '']) => label);
    assert.ok(labels.length >= 3);
    assert.match(state.out, new RegExp(labels.map((label) => `^${label} `).join('[\\s\\S]*'), 'm'));
    assert.equal(watched.out, '');
    assert.match(
      clients.out,
      /^client +user[\s\S]*pump-7[\s\S]*nobody fits[\s\S]*\npump-7\n[\s\S]*filters +site\/pump-7\/#/,
    );
    assert.match(sessions.out, /^client +user[\s\S]*away +ann +embedded +away[\s\S]*\npump-7\n[\s\S]*connected since/);
    await pump.disconnect();
  });

  it('shows commands that work: of what happens, as it happens, and of the record', async () => {
    const pump = await open('pump-7', 'ann');
    const [past = '', follow = ''] = blockWith('--follow').split('\n');
    await refuse(pump);
    const following = await Program.start('bash', shell(follow.replace('192.0.2.0/24', `${HOST}/32`)), [], {
      cwd: home,
      isGroup: true,
    });
    try {
      await eventually('it is shown', () => {
        pump.send(publish('site/door/open', 'x', { qos: 0 }));
        return following.stdout.includes('pump-7');
      });
    } finally {
      await following.end();
    }
    const [told, found] = await Promise.all([
      paste(past),
      paste(blockWith('journal search')),
      paste(/`(sallyport recorder dump [^`]+)`/.exec(PAGE)![1]!),
    ]);
    assert.match(told.out, /publish/i);
    assert.match(found.out, /#[0-9a-f]{16}/);
    assert.ok(!found.out.includes('site/door/open') && found.out.includes('pump-7'), found.out);
    assert.ok((await stat(path.join(home, 'pump-7.pcapng'))).size > 0);
    await pump.disconnect();
  });

  it('shows what is done about a client, one thing after another', async () => {
    const done: Record<string, RegExp> = {
      'sallyport disconnect pump-7': /^1 connection of pump-7 ended\.\n$/,
      'sallyport sessions remove pump-7': /^The session of pump-7 is gone, .* Its client was disconnected\.\n$/,
      'sallyport disconnect pump-7 --ban 2h': /^1 connection of pump-7 ended\.\nclient:pump-7 is banned until /,
      'sallyport clients throttle pump-7 publish.messagesPerSecond=5 --for 10m':
        /^publish\.messagesPerSecond is 5 for (9|10) min\.\n$/,
      'sallyport clients quarantine pump-7 --for 1h': /^pump-7 has the role confined and no other for 1 h\.\n$/,
      'sallyport quarantine list': /\nclient:pump-7 +\d{4}-\d\d-\d\dT[\d:.]+Z +\d+ /,
      'sallyport quarantine release client:pump-7': /^client:pump-7 is out of quarantine\.\n$/,
      'sallyport clients release pump-7': /^pump-7 has 1 limit less\.\n$/,
      'sallyport ban add 192.0.2.7 --for 2h': /192\.0\.2\.7/,
    };
    assert.deepEqual(TABLE, Object.keys(done));
    let pump = await open('pump-7', 'ann');
    for (const [command, says] of Object.entries(done)) {
      const { out } = await paste(command);
      assert.match(out, says, command);
      if (!/disconnect|remove/.test(command)) continue;
      await pump.expectDisconnect(0x98);
      if (command.includes('--ban')) await paste('sallyport ban remove client:pump-7');
      pump = await open('pump-7', 'ann');
    }
    await pump.disconnect();
  });

  it('has a tree for those whom its policy lets see it', async () => {
    const ops = await open('ops', 'ops');
    assert.equal(await ops.subscribe('$SYS/sallyport/healthy'), 0);
    await ops.receive('$SYS/sallyport/healthy', '1');
    await ops.disconnect();
  });

  it('completes commands where its line was sourced', async () => {
    await paste(`${blockWith('completion')}\ncomplete -p sallyport`);
  });

  it('has no block that is not pasted here', () => {
    assert.equal(BLOCKS.length, 7);
  });
});
