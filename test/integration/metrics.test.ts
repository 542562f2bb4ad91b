import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { eventually } from '../kit/eventually.ts';
import { MqttJsClient } from '../kit/mqttjs.ts';
import { freePort, HOST, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';
import { RULE_TESTS_FILE, RULES_FILE } from '../kit/prometheus-files.ts';
import { PASSWORD, type SecuredGateway, startSecuredGateway, USERNAME } from '../kit/secured-gateway.ts';

const withoutPromtool = spawnSync('promtool', ['--version']).error === undefined ? false : 'promtool is not installed';

async function scrape(port: number, accept = 'text/plain'): Promise<string> {
  const response = await fetch(`http://${HOST}:${port}/metrics`, { headers: { accept } });
  assert.equal(response.status, 200);
  return response.text();
}

/** The sum over all series of a metric whose labels have these. */
function sumOf(text: string, metric: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = 0;
  for (const [, series = '', value] of text.matchAll(new RegExp(`^${metric}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))) {
    if (Object.entries(labels).every(([label, wanted]) => series.includes(`${label}="${wanted}"`)))
      sum += Number(value);
  }
  return sum;
}

describe('the Prometheus rules', { skip: withoutPromtool }, () => {
  it('are raised when they should be, and not otherwise', async () => {
    const { code, out, err } = await runToEnd('promtool', ['test', 'rules', fileURLToPath(RULE_TESTS_FILE)]);
    assert.equal(code, 0, out + err);
  });

  it('would fail that test with another threshold', async (t) => {
    const directory = await temporaryDirectory('rules');
    t.after(() => removeDirectory(directory));
    const file = (name: string): string => path.join(directory, name);
    const rules = await readFile(RULES_FILE, 'utf8');
    const changed = rules.replace('sallyport_upstream_up == 0', 'sallyport_upstream_up == 2');
    assert.notEqual(changed, rules);
    await writeFile(file('sallyport.rules.yaml'), changed);
    const { tests, ...rest } = parse(await readFile(RULE_TESTS_FILE, 'utf8')) as { tests: { name: string }[] };
    const own = tests.filter(({ name }) => name.startsWith('SallyportUpstreamDown'));
    await writeFile(file('own.test.yaml'), stringify({ ...rest, tests: own }));
    const { code, out, err } = await runToEnd('promtool', ['test', 'rules', file('own.test.yaml')]);
    assert.notEqual(code, 0);
    assert.match(out + err, /SallyportUpstreamDown/);
  });
});

for (const workers of [1, 2]) {
  describe(`the metrics of a gateway with ${workers === 1 ? 'one process' : `${workers} workers`}`, () => {
    let secured: SecuredGateway;
    let port: number;
    const connect = (clientId: string, password = PASSWORD, version: 4 | 5 = 5): Promise<MqttJsClient> => {
      const login = secured.login('tls');
      return MqttJsClient.connect({ ...login, version, options: { ...login.options, clientId, password } });
    };

    before(async () => {
      port = await freePort();
      secured = await startSecuredGateway({
        transports: ['tls'],
        users: { [USERNAME]: PASSWORD },
        acl: ['pattern readwrite open/#'],
        config: {
          workers,
          metrics: { port },
          broker: { persistence: 'memory' },
          syslog: [{ url: 'tcp://127.0.0.1:1' }],
        },
      });
    });
    after(() => secured.stop());

    it('tell who is connected, what went through and what was refused', async () => {
      const first = await scrape(port);
      assert.match(first, /^sallyport_connections\{listener="tls",version="none"\} 0$/m);
      assert.match(first, /^sallyport_messages_total\{direction="in",qos="0",listener="tls"\} 0$/m);
      const subscriber = await connect('hostile "client" {x="1"} 1');
      await subscriber.subscribe('open/#', { qos: 2 });
      const publishers = await Promise.all([connect('p1'), connect('p2', PASSWORD, 4), connect('p3')]);
      for (const publisher of publishers) {
        await publisher.publish('open/a', 'a', { qos: 0 });
        for (const qos of [1, 2] as const) await publisher.publish('open/a', 'bb', { qos });
      }
      await subscriber.received(9);
      await assert.rejects(connect('intruder', 'a wrong password of the tests'));
      await assert.rejects(publishers[0]!.publish('closed/secret', 'x', { qos: 1 }));
      await publishers[2]!.end();
      let text = '';
      await eventually('all of it is counted', async () => {
        text = await scrape(port);
        return (
          sumOf(text, 'sallyport_connections') === 3 &&
          sumOf(text, 'sallyport_messages_total', { direction: 'out' }) === 9
        );
      });
      assert.equal(sumOf(text, 'sallyport_connections', { version: '5.0' }), 2);
      assert.equal(sumOf(text, 'sallyport_connections', { version: '3.1.1' }), 1);
      assert.equal(sumOf(text, 'sallyport_clients_connected_total'), 4);
      for (const qos of ['0', '1', '2']) {
        assert.equal(sumOf(text, 'sallyport_messages_total', { direction: 'in', qos }), 3, `QoS ${qos}`);
      }
      assert.ok(sumOf(text, 'sallyport_message_bytes_total', { direction: 'in' }) > 9 * 10);
      assert.equal(
        sumOf(text, 'sallyport_refusals_total', { what: 'publish', by: 'acl', reason: 'not_authorized' }),
        1,
      );
      assert.equal(sumOf(text, 'sallyport_refusals_total', { what: 'authentication' }), 1);
      assert.equal(sumOf(text, 'sallyport_authentications_total', { result: 'accepted' }), 4);
      assert.equal(sumOf(text, 'sallyport_tls_handshakes_total', { result: 'ok', version: 'TLSv1.3' }), 5);
      assert.equal(sumOf(text, 'sallyport_broker_sessions', { state: 'connected' }), 3);
      assert.equal(sumOf(text, 'sallyport_broker_subscriptions'), 1);
      assert.equal(sumOf(text, 'sallyport_workers'), workers);
      assert.equal(sumOf(text, 'sallyport_workers_silent'), 0);
      assert.equal(sumOf(text, 'sallyport_connections_max'), 10_000);
      const expiryMs = sumOf(text, 'sallyport_certificate_expiry_timestamp_seconds') * 1000;
      assert.ok(expiryMs > Date.now() && expiryMs < Date.now() + 10_000 * 86_400_000);
      assert.ok(sumOf(text, 'sallyport_journal_records_total') > 5);
      assert.equal(sumOf(text, 'sallyport_journal_broken'), 0);
      // The collector is not there, and nothing of this minded.
      assert.equal(sumOf(text, 'sallyport_collector_up', { collector: 'tcp://127.0.0.1:1' }), 0);
      assert.ok(sumOf(text, 'sallyport_collector_queued') > 0);
      assert.doesNotMatch(text, /hostile|intruder|closed\/secret|open\/a/);
      await Promise.all([subscriber, ...publishers.slice(0, 2)].map((client) => client.end()));
    });

    it('are as Prometheus wants them', { skip: withoutPromtool }, async () => {
      const { code, out, err } = await runToEnd('promtool', ['check', 'metrics'], { input: await scrape(port) });
      assert.equal(code, 0, out + err);
      const open = await scrape(port, 'application/openmetrics-text; version=1.0.0');
      assert.match(open, /# EOF\n$/);
      assert.match(open, /^# TYPE sallyport_refusals counter$/m);
    });

    it('are told during reloads, and afterwards say how those went', async () => {
      let isOver = false;
      const scraping = (async () => {
        let count = 0;
        for (; !isOver; count++) assert.match(await scrape(port), /^sallyport_build_info\{/m);
        return count;
      })();
      await secured.gateway.reload();
      await secured.gateway.rewrite({ config: { ...secured.gateway.files.config, nonsense: 1 } });
      assert.notEqual((await secured.gateway.reload()).code, 0);
      isOver = true;
      assert.ok((await scraping) > 0);
      const text = await scrape(port);
      assert.equal(sumOf(text, 'sallyport_config_reloads_total', { result: 'taken' }), 1);
      assert.equal(sumOf(text, 'sallyport_config_last_reload_successful'), 0);
      assert.equal(sumOf(text, 'sallyport_config_generation'), 1);
    });

    if (workers === 1) return;
    it('do not go back when workers die', async () => {
      const before = await scrape(port);
      const { stdout } = spawnSync('pgrep', ['-P', String(secured.gateway.program.child.pid)], { encoding: 'utf8' });
      const pids = stdout.split('\n').filter((pid) => pid !== '');
      assert.equal(pids.length, workers);
      for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
      await eventually('the workers are there again', async () => {
        const text = await scrape(port);
        for (const direction of ['in', 'out']) {
          assert.equal(
            sumOf(text, 'sallyport_messages_total', { direction }),
            sumOf(before, 'sallyport_messages_total', { direction }),
          );
        }
        return sumOf(text, 'sallyport_worker_exits_total') === workers && sumOf(text, 'sallyport_workers') === workers;
      });
    });
  });
}
