import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { dataDirectoryOf, loadConfig } from './load.ts';
import { ConfigError } from './problem.ts';

const GOLDEN = new URL('golden/', import.meta.url);
const directory = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
after(() => rmSync(directory, { recursive: true }));

const LISTENER = 'listeners:\n  - { name: plain, type: tcp, address: 127.0.0.1, port: 1883 }\n';

function fileOf(text: string | Uint8Array): string {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, text);
  return file;
}

async function refusal(text: string | Uint8Array): Promise<ConfigError> {
  const file = fileOf(text);
  try {
    await loadConfig(file);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  assert.fail('the configuration was accepted');
}

describe('a broken configuration', () => {
  // A golden file is the configuration, a line of hyphens, and what is said of it.
  for (const name of readdirSync(GOLDEN)) {
    it(`is refused word for word as golden/${name} says`, async () => {
      const golden = new URL(name, GOLDEN);
      const [input, expected] = readFileSync(golden, 'utf8').split('----\n') as [string, string];
      const error = await refusal(input);
      const said = `${error.message.replaceAll(`${directory}/`, '')}\n`;
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, `${input}----\n${said}`);
      else assert.equal(said, expected);
      for (const line of said.trimEnd().split('\n')) assert.match(line, /^sallyport\.yaml:\d+:\d+: /);
    });
  }

  it('is refused where it is not UTF-8, is empty, or is no file', async () => {
    assert.match((await refusal(new Uint8Array([0x6c, 0xff, 0xfe]))).message, /:1:1: the file is not UTF-8/);
    assert.match((await refusal('')).message, /:1:1: the file is empty/);
    await assert.rejects(loadConfig(directory), /:1:1: this is a directory/);
    await assert.rejects(loadConfig('/dev/zero'), /:1:1: this is not a plain file/);
    await assert.rejects(loadConfig(join(directory, 'absent.yaml')), /:1:1: there is no such file; `sallyport init`/);
  });

  it('is refused unread where it is larger than any configuration', async () => {
    const error = await refusal(`# ${'x'.repeat(1024 * 1024)}\n${LISTENER}`);
    assert.match(error.message, /larger than 1 MiB/);
  });

  it('is refused where it nests without end, in any form, with the place and the cure', async () => {
    const deep = /:2:\d+: this is nested more than 64 levels deep, .*; remove brackets or indentation$/;
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['- ', ''],
    ] as const) {
      const error = await refusal(`# a comment\n${open.repeat(20_000)}1${close.repeat(20_000)}\n${LISTENER}`);
      assert.equal(error.problems.length, 1);
      assert.match(error.message, deep);
    }
  });

  it('cannot grow out of a few lines by aliases of aliases', async () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const below = level === 0 ? '1' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array(9).fill(below).join(', ')}]`;
    });
    assert.match((await refusal(levels.join('\n'))).message, /alias/);
  });

  it('does not show what stands where the place of a secret belongs', async () => {
    const error = await refusal(
      'listeners:\n  - name: a\n    type: tls\n    port: 1\n    tls:\n      certificates:\n        - { certificate: c, key: k, passphrase: hunter22 }\n',
    );
    assert.match(error.message, /:7:49: .*passphrase: give the place of the secret/);
    assert.doesNotMatch(error.message, /hunter22/);
  });
});

describe('an accepted configuration', () => {
  it('is complete, with units in its names and paths made absolute from the file', async () => {
    const { config } = await loadConfig(
      fileOf(
        `${LISTENER}dataDirectory: state\nlimits: { keepAliveMax: 5m, packetSizeMax: 1MB, connectTimeout: 1500ms }\n`,
      ),
    );
    assert.equal(config.dataDirectory, join(directory, 'state'));
    assert.equal(config.authentication.passwordFile, join(directory, 'users'));
    assert.equal(config.limits.keepAliveMaxS, 300);
    assert.equal(config.limits.packetSizeMaxBytes, 1_000_000);
    assert.equal(config.limits.connectTimeoutMs, 1500);
    assert.deepEqual(config.limits.protocolVersions, [3, 4, 5]);
    assert.equal(config.listeners[0]?.handshakeTimeoutMs, 10_000);
    assert.equal(config.listeners[0]?.websocket, undefined);
  });

  it('is frozen to its leaves', async () => {
    const { config } = await loadConfig(fileOf(LISTENER));
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      assert.ok(Object.isFrozen(value), path);
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
    };
    visit(config, 'config');
  });

  it('is plain data, which workers are told whole', async () => {
    const clientIds = '{ form: pattern, pattern: "(?P<username>[a-z]+)-[0-9]+" }';
    const { config } = await loadConfig(fileOf(`${LISTENER}authentication: { clientIds: ${clientIds} }\n`));
    assert.deepEqual(structuredClone(config), config);
  });

  it('may leave a section empty, with all its keys commented out', async () => {
    const { config } = await loadConfig(fileOf(`${LISTENER}limits:\n  # keepAliveMax: 1m\nlog:\n`));
    assert.equal(config.limits.keepAliveMaxS, 1200);
    assert.equal(config.log.level, 'info');
  });

  it('takes both spellings of a protocol version, once each', async () => {
    const { config } = await loadConfig(fileOf(`${LISTENER}limits: { protocolVersions: [5, "5.0", 3.1.1] }\n`));
    assert.deepEqual(config.limits.protocolVersions, [5, 4]);
  });

  it('lets sessions stay for good by the word never', async () => {
    const { config } = await loadConfig(fileOf(`${LISTENER}broker: { sessionExpiryMax: never }\n`));
    assert.equal(config.broker.sessionExpiryMaxS, 0xffffffff);
  });

  it('may share a block between listeners by an alias, and errors in it point to the block', async () => {
    const shared = (origins: string): string =>
      `listeners:\n  - { name: a, type: ws, port: 1, websocket: &w { origins: ${origins} } }\n  - { name: b, type: ws, port: 2, websocket: *w }\n`;
    const { config } = await loadConfig(fileOf(shared('["https://a.example"]')));
    assert.deepEqual(config.listeners[1]?.websocket?.origins, ['https://a.example']);
    const error = await refusal(shared('["a.example/x"]'));
    assert.deepEqual(
      error.problems.map(({ line, path }) => [line, path]),
      [
        [2, 'listeners[0].websocket.origins[0]'],
        [2, 'listeners[1].websocket.origins[0]'],
      ],
    );
  });

  it('tells for each setting where it comes from', async () => {
    const file = fileOf(`${LISTENER}limits:\n  keepAliveMax: 5m\n`);
    const { settings } = await loadConfig(file);
    const of = (path: string) => settings.find((setting) => setting.path === path);
    assert.deepEqual(of('limits.keepAliveMax'), { path: 'limits.keepAliveMax', value: '5m', source: `${file}:4` });
    assert.deepEqual(of('limits.topicDepthMax'), { path: 'limits.topicDepthMax', value: 16, source: 'default' });
    assert.deepEqual(of('listeners[0].port'), { path: 'listeners[0].port', value: 1883, source: `${file}:2` });
    assert.equal(of('listeners[0].websocket.path'), undefined);
  });
});

describe('the data directory', () => {
  it('is found in a configuration that is otherwise refused', async () => {
    assert.equal(await dataDirectoryOf(fileOf('dataDirectory: state\nlimits: 7\n')), join(directory, 'state'));
    assert.equal(await dataDirectoryOf(fileOf('x: [')), directory);
    assert.equal(await dataDirectoryOf(fileOf('dataDirectory: [1]')), directory);
  });
});
