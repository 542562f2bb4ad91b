import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Config } from './config.ts';
import { settingsThatDiffer } from './differing-settings.ts';
import { loadConfig } from './load.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-differing-'));
after(() => rmSync(directory, { recursive: true }));

async function configOf(yaml: string): Promise<Config> {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, `listeners: [{ name: mqtt, type: tcp, port: 1883 }]\n${yaml}`);
  return (await loadConfig(file)).config;
}

test('what has changed is named, and what of it waits for a restart', async () => {
  const cases: [before: string, after: string, changed: string[], restartNeeded: string[]][] = [
    ['', '# moved\n\nworkers: 1', [], []],
    ['', 'shutdown: { drainTimeout: 3s }', ['shutdown'], []],
    ['', 'workers: 2', ['workers'], ['workers']],
    ['', 'broker: { persistence: memory, sessionsMax: 5 }', ['broker'], ['broker.persistence']],
    ['', 'authentication: { hashQueueMax: 7 }', ['authentication'], ['authentication.hashQueueMax']],
  ];
  for (const [before, after, changed, restartNeeded] of cases) {
    const outcome = settingsThatDiffer(await configOf(before), await configOf(after));
    assert.deepEqual(outcome, { changed, restartNeeded }, after);
  }
});
