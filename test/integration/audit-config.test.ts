import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type AuditReport, reportSchema } from '../../src/assurance/audit/report/report-schema.ts';
import { type Ran, sallyportInProcess } from '../kit/in-process.ts';

const base = mkdtempSync(join(tmpdir(), 'sallyport-audit-config-'));
after(() => rmSync(base, { recursive: true }));

/** Paths on the command line are relative to where the user is. */
async function audit(...args: string[]): Promise<Ran> {
  const before = process.cwd();
  process.chdir(base);
  try {
    return await sallyportInProcess('audit', 'config', ...args);
  } finally {
    process.chdir(before);
  }
}

function write(path: string, text: string): void {
  mkdirSync(join(base, path, '..'), { recursive: true });
  writeFileSync(join(base, path), text);
}

write('mosquitto.conf', 'listener 1883\nallow_anonymous true\n');
write('etc/emqx.conf', 'dashboard.listeners.http.bind = 18083\n');
write(
  'hive/conf/config.xml',
  '<hivemq><listeners><tcp-listener><port>1883</port></tcp-listener></listeners></hivemq>\n',
);
write('sallyport.yaml', 'listeners: [{ name: a, port: 1883, type: tcp }]\nupstream: embedded\n');
write('broker', 'listener 1883\n');
write('other', 'hello\n');
write('image/etc/emqx/emqx.conf', 'include "more.conf"\n');
write('image/etc/emqx/more.conf', 'listeners {\n');

describe('sallyport audit config', () => {
  it('audits files of four kinds in one run, and tells the kinds apart', async () => {
    const { code, out } = await audit(
      'mosquitto.conf',
      'etc/emqx.conf',
      'hive/conf/config.xml',
      'sallyport.yaml',
      'broker',
      '--json',
    );
    assert.equal(code, 1);
    const report: AuditReport = reportSchema.parse(JSON.parse(out));
    assert.deepEqual(
      report.targets.map(({ id }) => id.replace(base, '')),
      [
        'mosquitto:/mosquitto.conf',
        'emqx:/etc/emqx.conf',
        'hivemq:/hive/conf/config.xml',
        'gateway:/sallyport.yaml',
        'mosquitto:/broker',
      ],
    );
    const failed = new Set(report.results.filter(({ status }) => status === 'fail').map(({ check }) => check));
    for (const id of ['M01', 'E01', 'E02', 'V02', 'V03', 'G08']) assert.ok(failed.has(id), id);
  });

  it('reads a path inside an image, and says file and line of what cannot be read', async () => {
    const { code, out } = await audit('--root', join(base, 'image'), '/etc/emqx/emqx.conf', '--json');
    assert.equal(code, 3);
    const { results } = reportSchema.parse(JSON.parse(out));
    assert.ok(results.every(({ status }) => status === 'unknown'));
    assert.match(out, /\/etc\/emqx\/more\.conf:2: A brace is not closed/);
    const relative = await audit('--root', join(base, 'image'), 'etc/emqx/emqx.conf', '--json');
    assert.equal(relative.code, 3, relative.err);
  });

  it('says what is wrong with the command line, with the cure', async () => {
    for (const [args, says] of [
      [[], /Name the files/],
      [['none.conf'], /There is no file .*none\.conf/],
      [['hive'], /is a folder/],
      [['other'], /say it with --kind/],
      [['other', '--kind', 'hivemqq'], /Did you mean hivemq\?/],
    ] as const) {
      const { code, err } = await audit(...args);
      assert.equal(code, 2, err);
      assert.match(err, says);
    }
  });
});
