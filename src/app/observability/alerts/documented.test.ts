/** What docs/alerts.md shows is taken by the program, and what its table says holds. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { documented } from '../../../../test/kit/documented.ts';
import { assertIsCommand, shownCommands } from '../../../../test/kit/documented-commands.ts';
import { loadConfig } from '../../config/load.ts';
import { conditionsInForce } from './alerts.ts';
import { CONDITIONS } from './conditions.ts';

const PAGE = readFileSync(new URL('../../../../docs/alerts.md', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'sallyport-alerts-'));
after(() => rmSync(directory, { recursive: true }));

async function loaded(alerts: string) {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, `listeners: [{ name: tcp, type: tcp, address: 127.0.0.1, port: 1883 }]\n${alerts}`);
  return (await loadConfig(file)).config.alerts;
}

test('the receivers that it shows are taken', async () => {
  const block = /^```yaml\n# told by chat.*\n([\s\S]*?)^```$/m.exec(PAGE)?.[1];
  assert.ok(block !== undefined);
  const { receivers } = await loaded(block);
  assert.deepEqual(
    receivers.map(({ type, name, severityMin }) => [type, name, severityMin]),
    [
      ['slack', 'chat', 'info'],
      ['email', 'pager', 'critical'],
    ],
  );
});

test('the thresholds that it shows are in force', async () => {
  const { conditions } = await loaded(documented('alerts.md', 'What raises an alert', 'another opinion'));
  const inForce = conditionsInForce(conditions, '/journal');
  const access = inForce.find(({ alert }) => alert === 'MQTTClientUnauthorizedAccess');
  assert.partialDeepStrictEqual(access, { count: 3, windowMs: 60_000, severity: 'critical', quietMs: 600_000 });
  assert.ok(!inForce.some(({ alert }) => alert === 'SallyportClientQuarantined'));
  assert.equal(inForce.length, CONDITIONS.length - 1);
});

test('its table has the count and the window of each condition that counts', () => {
  for (const { alert, count, windowMs } of CONDITIONS.filter((condition) => condition.count > 1)) {
    const row = PAGE.split('\n').find((line) => line.startsWith(`| \`${alert}\` |`)) ?? '';
    assert.match(row, new RegExp(`\\b${count} .*\\bin ${windowMs / 60_000} min`), alert);
  }
});

test('its commands are those of the program', async () => {
  const commands = shownCommands(PAGE);
  assert.ok(commands.length > 0);
  for (const line of commands) await assertIsCommand(line);
});
