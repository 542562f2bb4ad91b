/** docs/incident-walkthrough.md from end to end, with a real Prometheus and a real Alertmanager, on shorter intervals. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { type RunningAlertmanager, startAlertmanager, withoutAlertmanager } from '../kit/alertmanager.ts';
import { documented, replaced } from '../kit/documented.ts';
import { eventually } from '../kit/eventually.ts';
import { COMMAND, type RunningGateway, sallyport, startGateway } from '../kit/gateway.ts';
import {
  type Finished,
  freePort,
  HOST,
  Program,
  removeDirectory,
  runToEnd,
  temporaryDirectory,
} from '../kit/process.ts';
import { RULES_FILE } from '../kit/prometheus-files.ts';

const PAGE = 'incident-walkthrough.md';
const PASSWORD = 'off its flash memory';
const RULES_PATH = '/etc/prometheus/sallyport.rules.yaml';

function missing(...commands: string[]): string | false {
  const absent = commands.filter((command) => spawnSync(command, ['--version']).error !== undefined);
  return absent.length === 0 ? false : `${absent.join(', ')} is not installed`;
}

describe('the walkthrough of an incident', {
  skip: withoutAlertmanager || missing('prometheus', 'amtool', 'mosquitto_pub'),
}, () => {
  let directory: string;
  let gateway: RunningGateway;
  let alertmanager: RunningAlertmanager;
  let prometheus: Program;

  before(async () => {
    directory = await temporaryDirectory('walkthrough');
    const [metricsPort, prometheusPort] = [await freePort(), await freePort()];
    await mkdir(path.join(directory, 'gateway'));
    const told = replaced(documented(PAGE, 'The stage', 'what the gateway tells'), { '9464': String(metricsPort) });
    [gateway, alertmanager] = await Promise.all([
      startGateway({
        directory: path.join(directory, 'gateway'),
        listeners: [{ name: 'tcp', type: 'tcp' }],
        users: { 'pump-7': PASSWORD },
        acl: ['user pump-7', 'topic readwrite plant/pump-7/#'],
        config: parse(told) as Record<string, unknown>,
      }),
      startAlertmanager(),
    ]);
    const rules = path.join(directory, 'sallyport.rules.yaml');
    await writeFile(rules, replaced(readFileSync(RULES_FILE, 'utf8'), { '[5m]': '[6s]' }));
    const config = replaced(documented(PAGE, 'The stage', 'prometheus.yml'), {
      '15s': '500ms',
      'localhost:9464': `${HOST}:${metricsPort}`,
      'localhost:9093': new URL(alertmanager.url).host,
      [RULES_PATH]: rules,
    });
    await writeFile(path.join(directory, 'prometheus.yml'), config);
    prometheus = await Program.start(
      'prometheus',
      [
        `--config.file=${path.join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${path.join(directory, 'prometheus')}`,
        `--web.listen-address=${HOST}:${prometheusPort}`,
        '--rules.alert.resend-delay=1s',
      ],
      [prometheusPort],
    );
    // `sallyport` on the path, as where it is installed.
    await mkdir(path.join(directory, 'bin'));
    const command = path.join(directory, 'bin', 'sallyport');
    await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`);
    await chmod(command, 0o755);
  });

  after(async () => {
    await prometheus?.end();
    await alertmanager?.stop();
    await gateway?.stop();
    await removeDirectory(directory);
  });

  /** Runs a block of the page, on the ports of this test. */
  function run(heading: string, name: string): Promise<Finished> {
    const text = documented(PAGE, heading, name)
      // Each of them is a login, whose password is hashed.
      .replaceAll('seq 1 40', 'seq 1 15')
      .replaceAll('-p 1883', `-h ${HOST} -p ${gateway.ports.get('tcp')}`)
      .replaceAll('http://localhost:9093', alertmanager.url);
    return runToEnd('bash', ['-c', text], {
      cwd: directory,
      env: {
        PATH: `${path.join(directory, 'bin')}:${process.env['PATH']}`,
        PASSWORD,
        SALLYPORT_DATA: gateway.directory,
        NO_COLOR: '1',
      },
    });
  }

  const fires = async (): Promise<boolean> =>
    (await alertmanager.alerts()).some(({ labels }) => labels['alertname'] === 'MQTTClientUnauthorizedAccess');

  it('goes from the attack to the alert, the incident, the ban and the end', async () => {
    // A counter that Prometheus sees for the first time has not increased yet.
    await eventually('Prometheus hears of the attack and Alertmanager of the alert', async () => {
      await run('The attack', 'the attack');
      return fires();
    });
    const alert = await run('The alert', 'what fires');
    assert.match(alert.out, /MQTTClientUnauthorizedAccess/, alert.err);
    const own = await run('The alert', 'about whom');
    assert.match(own.out, /MQTTClientUnauthorizedAccess +warning +clientId pump-7/, own.err);

    const incident = await run('Who, from where, what, and why not', 'the incident');
    assert.equal(incident.code, 0, incident.err);
    assert.match(incident.out, /publish\.refused\b.*\[acl:/);
    assert.match(incident.out, /such as plant\/valve-1\/set/);
    assert.match(incident.out, /sallyport ban add client:pump-7 --for 24h/);
    const address = await run('Who, from where, what, and why not', 'the address');
    assert.match(address.out, /clients: pump-7 \(/, address.err);
    assert.match(address.out, /Connected client "pump-7"/);

    const banned = await run('Shut it out', 'shut out');
    assert.equal(banned.code, 0, banned.err);
    const back = await run('Shut it out', 'it comes back');
    assert.notEqual(back.code, 0);

    await eventually('the alert is over', async () => !(await fires()));
    const kept = await run('The end', 'for the record');
    assert.equal(kept.code, 0, kept.err);
    assert.match(kept.out, /Whole: nothing was changed/);
    const html = await readFile(path.join(directory, 'incident.html'), 'utf8');
    assert.match(html, /It is banned\./);
    assert.match(html, /credentials in foreign hands/);
    assert.match(await readFile(path.join(directory, 'incident.jsonl'), 'utf8'), /"plant\/valve-15\/set"/);

    // Elsewhere there is only a copy of the journal.
    await gateway.stop();
    const copy = path.join(directory, 'copy');
    await cp(path.join(gateway.directory, 'journal'), copy, { recursive: true });
    const elsewhere = await sallyport(['incident', 'show', '--user', 'pump-7', '--journal', copy, '--json'], {
      cwd: directory,
    });
    assert.equal(elsewhere.code, 0, elsewhere.err);
    const record = JSON.parse(elsewhere.out) as { live: unknown; measures: { name: string }[] };
    assert.equal(record.live, null);
    assert.ok(record.measures.some(({ name }) => name === 'alert.fired'));
  });
});
