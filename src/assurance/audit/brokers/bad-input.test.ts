import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FIXTURE_NOW, fixtureContext } from '../../../../test/kit/audited-system.ts';
import type { Result } from '../model/result.ts';
import { subjectOf } from '../registry.ts';
import { noCommands } from '../system/commands.ts';
import { DirectorySystem } from '../system/directory-system.ts';
import { CONFIG_KINDS, type ConfigKind } from './config-kind.ts';

const base = mkdtempSync(join(tmpdir(), 'sallyport-bad-input-'));
after(() => rmSync(base, { recursive: true }));

const MAIN: Readonly<Record<ConfigKind, string>> = {
  mosquitto: '/etc/mosquitto/mosquitto.conf',
  emqx: '/etc/emqx/emqx.conf',
  hivemq: '/opt/hivemq/conf/config.xml',
  gateway: '/etc/sallyport/sallyport.yaml',
};

/** Good enough to pass some checks: what it is made of below must not. */
const GOOD: Readonly<Record<ConfigKind, string>> = {
  mosquitto: 'listener 8883\nallow_anonymous false\nmax_packet_size 1000\nmax_connections 100\n',
  emqx: 'authorization.no_match = deny\nflapping_detect.enable = true\nnode.cookie = "k3J9x0aQ1"\n',
  hivemq:
    '<?xml version="1.0"?>\n<hivemq><restrictions><max-connections>10</max-connections></restrictions></hivemq>\n',
  gateway: 'listeners: [{ name: a, port: 8883, type: tcp }]\nupstream: embedded\n',
};

type Files = Readonly<Record<string, string | Buffer>>;

/** What a file may be that is no configuration, by what is wrong with it. */
function badFiles(kind: ConfigKind): Readonly<Record<string, Files>> {
  const main = MAIN[kind];
  const good = GOOD[kind];
  const half: Readonly<Record<ConfigKind, string>> = {
    mosquitto: `${good}include_dir /etc/mosquitto/conf.d\nlistener`,
    emqx: `${good}listeners { tcp { default { bind =`,
    hivemq: good.slice(0, good.length / 2),
    gateway: `${good}authentication: { chain: [`,
  };
  const circles: Partial<Record<ConfigKind, Files>> = {
    mosquitto: {
      [main]: `${good}include_dir /etc/mosquitto/conf.d\n`,
      '/etc/mosquitto/conf.d/a.conf': 'include_dir /etc/mosquitto/conf.d\n',
    },
    emqx: { [main]: `include "b.conf"\n${good}`, '/etc/emqx/b.conf': 'include "emqx.conf"\n' },
  };
  return {
    'is huge': { [main]: `${good}${'# padding\n'.repeat(900_000)}` },
    'is no UTF-8': { [main]: Buffer.concat([Buffer.from(good), Buffer.from([0x0a, 0xff, 0xfe, 0x80, 0x0a])]) },
    'is half written': { [main]: half[kind] },
    'is full of zeros': { [main]: Buffer.alloc(10_000) },
    ...(circles[kind] === undefined ? {} : { 'includes itself': circles[kind] }),
  };
}

function rootWith(files: Files): string {
  const root = mkdtempSync(join(base, 'root-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

async function assess(kind: ConfigKind, root: string): Promise<Result[]> {
  const subject = subjectOf(kind);
  const system = new DirectorySystem({ root, runCommand: noCommands });
  return subject.assess(subject.targetAt!(MAIN[kind], {}), { ...fixtureContext({}, FIXTURE_NOW), system });
}

const ids = (results: readonly Result[], ...statuses: string[]): string[] =>
  results.filter(({ outcome }) => statuses.includes(outcome.status)).map(({ check }) => check.id);

for (const kind of CONFIG_KINDS) {
  describe(`a configuration of ${kind}`, () => {
    it('passes something where it is good, so that what follows could', async () => {
      assert.ok(ids(await assess(kind, rootWith({ [MAIN[kind]]: GOOD[kind] })), 'pass').length > 0);
    });

    for (const [says, files] of Object.entries(badFiles(kind))) {
      it(`that ${says} neither passes nor fails, and breaks nothing`, async () => {
        const results = await assess(kind, rootWith(files));
        assert.ok(ids(results, 'unknown').length > 0);
        assert.deepEqual(ids(results, 'pass', 'fail', 'error'), []);
      });
    }

    it('that is a circle of links or a folder neither passes nor fails', async () => {
      const circle = rootWith({ [join(dirname(MAIN[kind]), 'x')]: '' });
      symlinkSync(MAIN[kind], join(circle, MAIN[kind]));
      const folder = rootWith({ [join(MAIN[kind], 'x')]: '' });
      for (const root of [circle, folder]) {
        const results = await assess(kind, root);
        assert.deepEqual(ids(results, 'pass', 'fail', 'error'), []);
      }
    });

    it('that this user may not read neither passes nor fails', async () => {
      const subject = subjectOf(kind);
      const context = fixtureContext({ files: { [MAIN[kind]]: { unreadable: 'permission-denied' } } });
      const results = await subject.assess(subject.targetAt!(MAIN[kind], {}), context);
      assert.deepEqual(ids(results, 'pass', 'fail', 'error'), []);
      assert.ok(results.some(({ outcome }) => outcome.status === 'unknown' && outcome.reason === 'permission-denied'));
    });
  });
}
