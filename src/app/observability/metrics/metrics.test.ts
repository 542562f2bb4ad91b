import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ConnectionFacts, GatewayEvent } from '../../../base/events.ts';
import { ManualClock } from '../../../base/manual-clock.ts';
import { Reason } from '../../../mqtt/reason.ts';
import { EVENT_LEVELS } from '../../event-level.ts';
import { AUTHOR_KINDS, authorKind, reasonWord } from './metric-labels.ts';
import { type MetricSample, mergedSamples } from './metric-sample.ts';
import { MetricStore } from './metric-store.ts';
import { kindOf, METRIC_NAMES, type MetricName } from './metric-table.ts';
import { Metrics } from './metrics.ts';

const CLIENT = 'pump-7"} 1\nsallyport_connections{listener="forged"} 99';
const facts: ConnectionFacts = {
  connectionId: 'c1',
  listener: 'mqtts',
  address: '192.0.2.9',
  port: 4711,
  protocolVersion: 5,
  clientId: CLIENT,
  username: 'mallory\u001b[2J',
};

function made() {
  const clock = new ManualClock();
  const told: GatewayEvent[] = [];
  const metrics = new Metrics({ clock, version: '1.2.3', emit: (event) => told.push(event) });
  return { clock, told, metrics };
}

async function withMetrics(run: (scene: ReturnType<typeof made>) => Promise<void>): Promise<void> {
  const scene = made();
  try {
    await run(scene);
  } finally {
    scene.metrics.close();
  }
}

const refusal = (by: string, suppressed?: number): GatewayEvent => ({
  name: 'publish.refused',
  ...facts,
  topic: 'secret/topic',
  qos: 1,
  retain: false,
  action: 'refused',
  reason: Reason.NotAuthorized,
  by,
  says: 'no',
  ...(suppressed === undefined ? {} : { suppressed }),
});

describe('the table of metrics', () => {
  it('is as Prometheus names things: base units, _total for counters, and nothing else ends so', () => {
    for (const name of METRIC_NAMES) {
      const { type, unit, labels, help, buckets } = kindOf(name);
      assert.match(name, /^sallyport_[a-z0-9]+(_[a-z0-9]+)*$/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      if (unit === 'seconds') assert.match(name, /_seconds(_total)?$/);
      if (unit === 'bytes') assert.match(name, /_bytes(_total)?$/);
      if (unit === 'timestamp') assert.match(name, /_timestamp_seconds$/);
      assert.equal(type === 'histogram', buckets !== undefined, name);
      assert.doesNotMatch(help, /[.\n"\\]$|\n/, name);
      for (const label of labels) assert.match(label, /^[a-z]+(_[a-z]+)*$/);
      // What a client chooses is no label.
      assert.deepEqual(
        labels.filter((label) => /client|user|topic|filter|address|ip|connection/.test(label)),
        [],
        name,
      );
    }
  });
});

describe('events as metrics', () => {
  it('counts a refusal by the kind of its author and its reason, those held back included', () =>
    withMetrics(async ({ metrics }) => {
      metrics.take(refusal('acl:/etc/sallyport/acl:7'));
      metrics.take(refusal('acl:/etc/sallyport/acl:9', 41));
      const text = await metrics.text();
      assert.match(text, /^sallyport_refusals_total\{what="publish",by="acl",reason="not_authorized"\} 43$/m);
      assert.match(text, /^sallyport_events_total\{event="publish.refused"\} 43$/m);
    }));

  it('lets nothing through that a client has chosen, and no line of its making', () =>
    withMetrics(async ({ metrics }) => {
      metrics.take(refusal(`${CLIENT}:1`));
      metrics.take({ name: 'client.connected', ...facts, cleanStart: true, sessionPresent: false, keepAliveS: 1 });
      metrics.take({ name: 'authentication.failed', ...facts, method: 'users', reason: 0x86, by: 'users', says: '' });
      for (const format of ['prometheus', 'openmetrics'] as const) {
        const text = await metrics.text(format);
        assert.doesNotMatch(text, /pump-7|mallory|secret\/topic|192\.0\.2\.9|forged|\u001b/);
        assert.match(text, /by="other"/);
      }
    }));

  it('counts failed logins of operators by what failed, and by nothing that somebody typed', () =>
    withMetrics(async ({ metrics }) => {
      const failed = (method: string, by = 'operators'): GatewayEvent => ({
        name: 'operator.login.failed',
        address: '192.0.2.9',
        operator: 'mallory',
        method,
        by,
        says: 'forged',
      });
      for (const method of ['password', 'password', 'totp', 'passkey', 'sso', 'one-time code', 'mallory'])
        metrics.take(failed(method));
      metrics.take(failed('password', 'limit:operatorLogins'));
      const refused = { name: 'control.refused', request: 'GET /v1/mallory', status: 401, says: 'forged' } as const;
      metrics.take({ ...refused, by: 'control:token' });
      // Nothing was shown, or a session that has ended.
      metrics.take({ ...refused, by: 'control:unauthenticated' });
      const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('sallyport_operator_login_f'));
      const counts = { password: 2, totp: 1, passkey: 1, sso: 1, code: 1, token: 1, throttled: 1, other: 1 };
      assert.deepEqual(
        lines.sort(),
        Object.entries(counts)
          .map(([reason, count]) => `sallyport_operator_login_failures_total{reason="${reason}"} ${count}`)
          .sort(),
      );
    }));

  it('has every reason for which a login of an operator may fail before one has', () =>
    withMetrics(async ({ metrics }) => {
      const text = await metrics.text();
      for (const reason of ['password', 'totp', 'passkey', 'sso', 'code', 'token', 'throttled'])
        assert.ok(text.includes(`sallyport_operator_login_failures_total{reason="${reason}"} 0`), reason);
    }));

  it('counts attacks that go on once, however often they are told', () =>
    withMetrics(async ({ metrics }) => {
      const attack = (subject: string, repetition: number): GatewayEvent => ({
        name: 'attack.detected',
        detector: 'bruteForce',
        subjectKind: 'address',
        subject,
        score: 3,
        severity: 'high',
        technique: 'T1110',
        says: '',
        count: 1,
        threshold: 1,
        windowMs: 1,
        examples: [],
        responses: [],
        repetition,
      });
      for (const event of [attack('192.0.2.1', 0), attack('192.0.2.1', 1), attack('192.0.2.2', 0)]) metrics.take(event);
      const at = (text: string) => /^sallyport_attacks_in_progress\{detector="bruteForce"\} (\d+)$/m.exec(text)?.[1];
      assert.equal(at(await metrics.text()), '2');
      const ended = { detector: 'bruteForce', subjectKind: 'address', durationMs: 1, scoreMax: 3 };
      for (const subject of ['192.0.2.1', '192.0.2.1', '192.0.2.2']) {
        metrics.take({ name: 'attack.ended', ...ended, subject });
      }
      const text = await metrics.text();
      assert.equal(at(text), '0');
      assert.match(text, /^sallyport_detections_total\{detector="bruteForce",severity="high"\} 3$/m);
      assert.match(text, /^sallyport_detection_score_bucket\{le="5",detector="bruteForce"\} 3$/m);
    }));

  it('says whether the last reload was taken', () =>
    withMetrics(async ({ metrics }) => {
      const successful = async () =>
        /^sallyport_config_last_reload_successful (\d)$/m.exec(await metrics.text())?.[1] ?? '';
      assert.equal(await successful(), '1');
      metrics.take({ name: 'config.rejected', says: 'no' });
      assert.equal(await successful(), '0');
      metrics.take({ name: 'config.reloaded', generation: 3, changed: [], restartNeeded: [] });
      assert.equal(await successful(), '1');
      assert.match(await metrics.text(), /^sallyport_config_generation 3$/m);
    }));

  it('takes any event of any name', () =>
    withMetrics(async ({ metrics }) => {
      for (const name of Object.keys(EVENT_LEVELS) as GatewayEvent['name'][]) {
        metrics.take({ name, ...facts, by: 'x', author: 'y', reason: 1 } as unknown as GatewayEvent);
      }
      assert.match(await metrics.text(), /sallyport_events_total\{event="gateway.started"\} 1/);
    }));
});

describe('labels', () => {
  it('know every author that the data plane names', () => {
    const root = new URL('../../../../', import.meta.url);
    const named = new Set<string>();
    for (const file of [
      'src/pipeline/cause.ts',
      'src/pipeline/authentication.ts',
      'src/pipeline/checks/topic-shape.ts',
      'src/transports/rejections.ts',
      'src/transports/greeting.ts',
    ]) {
      const text = readFileSync(new URL(file, root), 'utf8');
      const form = /(?:by: |by = |#reject\(|^ {2}\| )'([a-z][a-z-]*)(?::[^']*)?'/gm;
      for (const [, kind] of text.matchAll(form)) named.add(kind!);
    }
    assert.ok(named.size >= 8, `${[...named]}`);
    assert.deepEqual(
      [...named].filter((kind) => !AUTHOR_KINDS.has(kind)),
      [],
    );
    assert.equal(authorKind('users:/a/b', 'authentication'), 'authentication');
    assert.equal(authorKind('toString'), 'other');
  });

  it('have a word for each reason code, and one for all others', () => {
    assert.equal(reasonWord(Reason.BadUserNameOrPassword), 'bad_user_name_or_password');
    assert.equal(reasonWord(0xfe), 'other');
  });

  it('are bounded: what comes beyond is counted as other, and said once', () => {
    const full: string[] = [];
    const store = new MetricStore({ onFull: (name) => full.push(name), seriesMax: 2 });
    for (const listener of ['a', 'b', 'c', 'd', 'a']) store.add('sallyport_connections_accepted_total', { listener });
    assert.deepEqual(full, ['sallyport_connections_accepted_total']);
    return store.points().then((points) => {
      const values = points
        .get('sallyport_connections_accepted_total')!
        .map(({ labels, value }) => [labels['listener'], value]);
      assert.deepEqual(values, [
        ['a', 2],
        ['b', 1],
        ['other', 2],
      ]);
    });
  });

  it('of a counter are whole at each reading, in whichever form, and begin anew where they are replaced', async () => {
    const store = new MetricStore({ onFull: () => assert.fail('there is room') });
    const name = 'sallyport_connections_closed_total';
    const close = (by: string, times: number): void => store.add(name, { listener: 'mqtts', by }, times);
    const line = async (by: string): Promise<string | undefined> =>
      (await store.text('prometheus'))
        .split('\n')
        .find((text) => text.startsWith(`${name}{listener="mqtts",by="${by}"}`));
    const points = async (): Promise<number[]> => ((await store.points()).get(name) ?? []).map(({ value }) => value);
    close('peer', 1);
    close('peer', 2);
    assert.equal(await line('peer'), `${name}{listener="mqtts",by="peer"} 3`);
    close('peer', 4);
    close('us', 0);
    assert.deepEqual(await points(), [7, 0]);
    assert.equal(await line('us'), `${name}{listener="mqtts",by="us"} 0`);
    close('peer', 1);
    store.replace([[name, ['mqtts', 'peer'], 5]]);
    assert.deepEqual(await points(), [5]);
    close('peer', 1);
    assert.deepEqual(await points(), [6]);
  });
});

describe('samples', () => {
  it('of several processes become one by the rule of each metric', () => {
    const one: MetricSample[] = [
      ['sallyport_messages_total', ['in', '0', 'a'], 3],
      ['sallyport_overload_stage', [], 2],
      ['sallyport_upstream_up', ['u', 't'], 1],
    ];
    const other: MetricSample[] = [
      ['sallyport_messages_total', ['in', '0', 'a'], 4],
      ['sallyport_messages_total', ['in', '1', 'a'], 1],
      ['sallyport_overload_stage', [], 1],
      ['sallyport_upstream_up', ['u', 't'], 0],
    ];
    assert.deepEqual(mergedSamples([one, other]), [
      ['sallyport_messages_total', ['in', '0', 'a'], 7],
      ['sallyport_overload_stage', [], 2],
      ['sallyport_upstream_up', ['u', 't'], 0],
      ['sallyport_messages_total', ['in', '1', 'a'], 1],
    ]);
  });

  it('are replaced whole: what is no longer sampled is gone', () =>
    withMetrics(async ({ metrics }) => {
      let samples: MetricSample[] = [['sallyport_connections', ['old', '5.0'], 3]];
      metrics.addSource(() => samples);
      assert.match(await metrics.text(), /sallyport_connections\{listener="old",version="5.0"\} 3/);
      samples = [['sallyport_connections', ['new', '5.0'], 1]];
      assert.doesNotMatch(await metrics.text(), /listener="old"/);
    }));

  it('of a source that fails are left out, and the others are told', () =>
    withMetrics(async ({ metrics }) => {
      metrics.addSource(() => Promise.reject(new Error('gone')));
      metrics.addSource(() => {
        throw new Error('at once');
      });
      metrics.addSource(() => [['sallyport_overload_stage', [], 2]]);
      assert.match(await metrics.text(), /^sallyport_overload_stage 2$/m);
    }));
});

describe('the text', () => {
  it('keeps the names of counters after OpenMetrics was written, also by many at once', () =>
    withMetrics(async ({ metrics }) => {
      metrics.take({ name: 'response.rolled-back' } as GatewayEvent);
      const asked = await Promise.all(
        Array.from({ length: 10 }, (_, i) => metrics.text(i % 2 === 0 ? 'openmetrics' : 'prometheus')),
      );
      for (const [i, text] of asked.entries()) {
        assert.match(text, /^sallyport_responses_rolled_back_total 1$/m);
        assert.equal(text.endsWith('# EOF\n'), i % 2 === 0);
        assert.equal(/^# TYPE sallyport_responses_rolled_back counter$/m.test(text), i % 2 === 0);
      }
    }));

  it('has help and type for every metric', () =>
    withMetrics(async ({ metrics }) => {
      const text = await metrics.text();
      const missing = METRIC_NAMES.filter(
        (name: MetricName) => !text.includes(`# TYPE ${name} ${kindOf(name).type}\n`),
      );
      assert.deepEqual(missing, []);
      assert.match(text, /^sallyport_build_info\{version="1.2.3",node="[\d.]+"\} 1$/m);
    }));
});
