import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { historySchema } from '../../src/assurance/audit/watch/finding-history.ts';
import { untilEvent } from '../kit/event-log.ts';
import { COMMAND, startGateway } from '../kit/gateway.ts';
import { Program, removeDirectory, runToEnd, temporaryDirectory } from '../kit/process.ts';

const SSHD = '/etc/ssh/sshd_config';

it('a watch tells a running gateway, and whoever reads it, what a change of a file has made weak and mended', async (t) => {
  const directory = await temporaryDirectory('audit-watch');
  const gateway = await startGateway({ listeners: [{ name: 'tcp', type: 'tcp' }] });
  const at = (path: string): string => join(directory, path);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  write(SSHD, 'PermitRootLogin no\n');
  write('/etc/passwd', 'root:x:0:0::/root:/bin/sh\n');
  const [state, metrics] = [at('state.json'), at('audit.prom')];
  const config = join(gateway.directory, 'sallyport.yaml');
  const options = ['--root', directory, '--config', config, '--state', state, '--metrics', metrics];
  const watch = await Program.start(process.execPath, [COMMAND, 'audit', 'watch', ...options], []);
  t.after(async () => {
    await watch.end();
    await gateway.stop();
    await removeDirectory(directory);
  });
  const told = (): Record<string, unknown>[] =>
    watch.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const until = (event: string, count = 1): Promise<Record<string, unknown>> =>
    watch.until(event, () => told().filter((one) => one['event'] === event && one['check'] !== 'X01')[count - 1]);

  await until('audit.finished');
  assert.equal(
    told().some(({ event }) => String(event).startsWith('finding.')),
    false,
  );
  write(SSHD, 'PermitRootLogin yes\n');
  const found = await until('finding.new');
  assert.deepEqual([found['check'], found['severity'], found['target']], ['A01', 'high', 'host']);
  const logged = await untilEvent(gateway.program, 'audit.finding.new', { check: 'A01' });
  assert.equal(logged['fingerprint'], found['fingerprint']);
  await until('audit.finished', 2);

  rmSync(at(SSHD));
  write(SSHD, 'PermitRootLogin no\n# mended\n');
  assert.equal((await until('finding.mended'))['fingerprint'], found['fingerprint']);
  await until('audit.finished', 3);
  await untilEvent(gateway.program, 'audit.finding.mended');
  await untilEvent(gateway.program, 'audit.finished', {}, 2);

  const ended = once(watch.child, 'close');
  watch.child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.equal(statSync(state).mode & 0o777, 0o600);
  assert.deepEqual(historySchema.parse(JSON.parse(readFileSync(state, 'utf8'))).mended, [found['fingerprint']]);
  assert.match(readFileSync(metrics, 'utf8'), /^sallyport_audit_changes_total\{change="mended"\} 1$/m);

  write(SSHD, 'PermitRootLogin yes\n');
  const again = await runToEnd(process.execPath, [COMMAND, 'audit', 'watch', ...options, '--runs', '1']);
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /"event":"finding\.regressed","check":"A01"/);

  writeFileSync(state, '{');
  const refused = await runToEnd(process.execPath, [COMMAND, 'audit', 'watch', ...options, '--runs', '1']);
  assert.deepEqual([refused.code, refused.out], [2, '']);
  assert.match(refused.err, /no state of `sallyport audit watch`/);
});
