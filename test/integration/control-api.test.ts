/** docs/control-api.md is pasted into a shell beside a gateway: every block has to work, over the socket and over HTTPS. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { problemSchema } from '../../src/app/control/problem-details.ts';
import { makeCa, makeCertificate } from '../kit/certificates.ts';
import { COMMAND, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { freePort, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const PAGE = readFileSync(new URL('../../docs/control-api.md', import.meta.url), 'utf8');
const BLOCKS = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
const MISSING = ['bash', 'curl', 'jq'].filter((program) => spawnSync(program, ['--version']).status !== 0);

describe('docs/control-api.md', { skip: MISSING.length > 0 && `${MISSING.join(', ')} not installed` }, () => {
  let home: string;
  let gateway: RunningGateway;
  let port: number;

  before(async () => {
    home = await temporaryDirectory('control-api');
    const data = path.join(home, 'data');
    const ca = await makeCa('Control CA');
    const server = await makeCertificate(ca, { commonName: 'localhost', use: 'server' });
    for (const folder of ['', 'ca', 'certs']) await mkdir(path.join(data, folder), { recursive: true });
    await writeFile(path.join(data, 'ca/ca.crt'), ca.certificatePem);
    await writeFile(path.join(data, 'certs/server.crt'), server.certificatePem);
    await writeFile(path.join(data, 'certs/server.key'), server.keyPem, { mode: 0o600 });
    port = await freePort();
    const listeners = [{ name: 'tcp', type: 'tcp' as const }];
    gateway = await startGateway({ directory: data, listeners, config: { control: { port } } });
  });
  after(async () => {
    await gateway?.stop();
    await removeDirectory(home);
  });

  const paste = (block: string) => {
    const text = block.replaceAll('localhost:9443', `localhost:${port}`).replaceAll('npx sallyport', 'sallyport');
    const command = `sallyport() { ${JSON.stringify(process.execPath)} ${JSON.stringify(COMMAND)} "$@"; }`;
    return runToEnd('bash', ['-euo', 'pipefail', '-c', `${command}\n${text}`], { cwd: home });
  };
  const blockWith = (word: string): string => {
    const found = BLOCKS.filter((block) => block.includes(word));
    assert.equal(found.length, 1, word);
    return found[0]!;
  };

  for (const [word, says] of [
    ['socket data/control.sock http://localhost/v1/status', /"name":"tcp"/],
    ['v1/bans/why', /"subject":"address:192\.0\.2\.7","isBanned":true[\s\S]*"isBanned":false/],
    ['limits/overrides', /"value":"2KB"[\s\S]*"removed":1/],
    ['v1/mqtt-sessions', /"broker": "embedded"[\s\S]*There is no session of the client[\s\S]*not ours to remove/],
    ['v1/reload', /"generation":1[\s\S]*"name":"reload"/],
    ['v1/policy/explain', /"allowed":true/],
    ['operators token create', /"name":"tcp"/],
    ['--raw-output .next', /"records":\[\{"n":/],
  ] as const) {
    it(`shows commands that work: ${word}`, async () => {
      const { code, out, err } = await paste(blockWith(word));
      assert.equal(code, 0, out + err);
      assert.match(out, says);
    });
  }

  it('shows an error as it is', async () => {
    const shown = problemSchema.parse(JSON.parse(/^```json\n([\s\S]*?)^```$/m.exec(PAGE)![1]!));
    const { out } = await paste(blockWith('"fro"'));
    const { instance, ...problem } = problemSchema.parse(JSON.parse(out));
    assert.match(instance, /^urn:sallyport:request:/);
    assert.deepEqual({ ...problem, instance: shown.instance }, shown);
  });

  it('has no block that is not pasted here', () => {
    assert.equal(BLOCKS.length, 9);
  });
});
