import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/process.ts';

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
after(() => rmSync(root, { recursive: true }));

const ENVIRONMENT = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, SALLYPORT_DATA: undefined };

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the program to its end, as a shell would. */
async function sallyport(args: string[], input = '', environment: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [BIN, ...args], { cwd: root, env: { ...ENVIRONMENT, ...environment } });
  const outcome: Outcome = { code: null, out: '', err: '' };
  child.stdout.on('data', (chunk) => (outcome.out += chunk));
  child.stderr.on('data', (chunk) => (outcome.err += chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  [outcome.code] = await once(child, 'close');
  return outcome;
}

/** A data directory as `init` makes it, but on free ports; copied, because making keys takes its time. */
let template: string;
let password: string;
let made = 0;
before(async () => {
  template = join(root, 'template');
  const { code, out, err } = await sallyport(['init', '--data', template, '--json']);
  assert.equal(code, 0, err);
  password = (JSON.parse(out) as { user: { password: string } }).user.password;
  const config = join(template, 'sallyport.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replace('port: 8883', 'port: 0').replace('port: 8084', 'port: 0'));
});
function freshData(): string {
  const directory = join(root, `data${made++}`);
  cpSync(template, directory, { recursive: true });
  return directory;
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

describe('the command line', { concurrency: 3 }, () => {
  it('explains itself and its commands', async () => {
    const all = await sallyport(['--help']);
    assert.equal(all.code, 0);
    assert.match(all.out, /^ {2}passwd {10,}change the password file$/m);
    assert.deepEqual(await sallyport(['help', 'passwd']), await sallyport(['passwd', '-h']));
  });

  it('answers what it does not know with what is near, and with exit code 2', async () => {
    for (const [args, says] of [
      [['strat'], /The command "strat" is unknown\. Did you mean start\?/],
      [['version', '--jsno'], /The option --jsno is unknown\. Did you mean --json\?/],
    ] as const) {
      const { code, out, err } = await sallyport([...args]);
      assert.match(err, says);
      assert.equal(code, 2);
      assert.equal(out, '');
    }
    const { code, err } = await sallyport([]);
    assert.equal(code, 2);
    assert.match(err, /^Usage$/m);
  });

  it('colours only where somebody looks', async () => {
    assert.doesNotMatch((await sallyport(['--help'])).out, /\u001b/);
    assert.match((await sallyport(['--help'], '', { FORCE_COLOR: '1' })).out, /\u001b\[1m/);
  });

  it('tells programs its version', async () => {
    const { sallyport: version, node } = JSON.parse((await sallyport(['version', '--json'])).out) as Record<
      string,
      string
    >;
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    assert.equal(version, manifest.version);
    assert.equal(node, process.versions.node);
  });

  it('does not break when its reader has seen enough', () => {
    const { status, stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${BIN}" --help | head -n 1`]);
    assert.equal(status, 0);
    assert.equal(String(stderr), '');
  });

  it('does not pass for a good answer where nobody read it, nor where it could not be written', async () => {
    const child = spawn(process.execPath, [BIN, 'audit', 'list'], { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.destroy();
    const [code] = await once(child, 'close');
    assert.equal(code, 141);
    const full = spawnSync('sh', ['-c', '"$1" "$2" audit list > /dev/full', 'sh', process.execPath, BIN]);
    assert.equal(full.status, 2);
    assert.match(String(full.stderr), /^sallyport: the output cannot be written: .*ENOSPC/);
    assert.doesNotMatch(String(full.stderr), /\n {4}at /);
  });

  it('says in plain words that the runtime is too old, and what to do', () => {
    const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`;
    const { status, stderr } = spawnSync(process.execPath, [
      '--import',
      `data:text/javascript,${encodeURIComponent(pretend)}`,
      BIN,
      'version',
    ]);
    assert.equal(status, 2);
    assert.match(String(stderr), /this is Node\.js 20\.20\.2, and 24\.9 or later is needed\. Run `npm run setup`/);
  });
});

describe('check', { concurrency: 3 }, () => {
  it('shows each effective setting with its source', async () => {
    const data = freshData();
    const { code, out } = await sallyport(['check', '--data', data]);
    assert.equal(code, 0);
    assert.match(out, /^limits\.keepAliveMax +20m +default$/m);
    assert.match(out, /^listeners\[0\]\.port +0 +\S+sallyport\.yaml:\d+$/m);
    const quiet = await sallyport(['check', '--data', data, '--quiet']);
    assert.deepEqual(quiet, { code: 0, out: '', err: '' });
    const json = JSON.parse((await sallyport(['check', '--json', '--data', data])).out) as {
      ok: boolean;
      settings: unknown[];
    };
    assert.equal(json.ok, true);
    assert.ok(json.settings.length > 40);
  });

  it('finds what is wrong in every file the configuration names, all at once', async () => {
    const data = freshData();
    edit(join(data, 'acl'), (text) => `${text}topic raed a/b\n`);
    edit(join(data, 'users'), (text) => `${text}pump-7:cleartext\n`);
    cpSync(join(data, 'ca', 'ca.key'), join(data, 'certs', 'server.key'));
    const { code, out, err } = await sallyport(['check', '--data', data]);
    assert.equal(code, 2);
    assert.equal(out, '');
    assert.match(err, /acl:\d+:\d+: /);
    assert.match(err, /users:3:8: The password is not hashed/);
    assert.match(err, /server\.key/);
    assert.doesNotMatch(err, /cleartext/);
    const json = JSON.parse((await sallyport(['check', '--json', '--data', data])).out) as {
      ok: boolean;
      findings: { line?: number }[];
    };
    assert.equal(json.ok, false);
    assert.ok(json.findings.some((finding) => finding.line === 3));
  });

  it('prints a broken configuration so that editors can jump to it', async () => {
    const data = freshData();
    edit(join(data, 'sallyport.yaml'), (text) => `${text}lmits: {}\n`);
    const { code, err } = await sallyport(['check', '--config', join(data, 'sallyport.yaml')]);
    assert.equal(code, 2);
    assert.match(err, /^\S+sallyport\.yaml:\d+:1: lmits: unknown key; did you mean `limits`\?\n$/);
  });
});

describe('passwd', { concurrency: 3 }, () => {
  it('adds, verifies, changes, lists and deletes a user', async () => {
    const data = freshData();
    const passwd = (args: string[], input?: string): Promise<Outcome> =>
      sallyport(['passwd', ...args, '--data', data], input);
    assert.equal((await passwd(['add', 'pump-7', '--stdin'], 'first secret\n')).code, 0);
    assert.equal((await passwd(['verify', 'pump-7', '--stdin'], 'first secret')).code, 0);
    assert.match(
      (await passwd(['add', 'pump-7', '--stdin'], 'second secret\r\n')).out,
      /^Changed the password of pump-7/,
    );
    assert.equal((await passwd(['verify', 'pump-7', '--stdin'], 'first secret\n')).code, 1);
    assert.equal((await passwd(['verify', 'pump-7', '--stdin'], 'second secret\n')).code, 0);
    assert.equal((await passwd(['verify', 'device1', '--stdin'], `${password}\n`)).code, 0);
    assert.deepEqual((await passwd(['list'])).out.match(/^\S+/gm), ['device1', 'pump-7']);
    const generated = JSON.parse((await passwd(['add', 'pump-8', '--generate', '--json'])).out) as { password: string };
    assert.equal((await passwd(['verify', 'pump-8', '--stdin'], generated.password)).code, 0);
    assert.equal((await passwd(['delete', 'pump-7'])).code, 0);
    assert.equal((await passwd(['delete', 'pump-7'])).code, 1);
    assert.equal((await passwd(['verify', 'pump-7', '--stdin'], 'second secret\n')).code, 1);
    const text = readFileSync(join(data, 'users'), 'utf8');
    assert.doesNotMatch(text, /secret/);
    assert.match(text, /^# Users/);
    assert.equal(statSync(join(data, 'users')).mode & 0o777, 0o600);
  });

  it('makes a file that only its owner can read, where there is none', async () => {
    const file = join(root, 'new-users');
    assert.equal((await sallyport(['passwd', 'add', 'a', '--stdin', '--file', file], 'x\n')).code, 0);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('takes no password as an argument, no empty one, and no name that means something in a topic', async () => {
    const file = join(root, 'refused-users');
    const cases: [string[], string, RegExp][] = [
      [['add', 'a', 'secret'], '', /one word too many/],
      [['add', 'a', '--stdin'], '\n', /empty password/],
      [['add', 'a', '--stdin'], `${'x'.repeat(70_000)}\n`, /at most 65535 bytes/],
      [['add', 'a/b', '--stdin'], 'x\n', /special in a topic/],
      [['add', 'a'], 'x\n', /There is no terminal to ask for the password on: use --stdin/],
      [['add', '--stdin'], 'x\n', /Name the user/],
      [['add', 'a', '--stdin', '--generate'], 'x\n', /not both/],
    ];
    for (const [args, input, says] of cases) {
      const { code, err } = await sallyport(['passwd', ...args, '--file', file], input);
      assert.match(err, says);
      assert.equal(code, 2);
    }
    assert.ok(!existsSync(file));
  });

  it('asks on a terminal without an echo', { skip: !existsSync('/usr/bin/script') && 'no script(1)' }, async () => {
    const file = join(root, 'asked-users');
    const command = `"${process.execPath}" "${BIN}" passwd add a --file "${file}"`;
    const child = spawn('script', ['--quiet', '--return', '--echo', 'never', '--command', command, '/dev/null'], {
      env: ENVIRONMENT,
    });
    let shown = '';
    let answered = 0;
    child.stdout.on('data', (chunk) => {
      shown += chunk;
      const questions = shown.match(/Password for a: |Once more: /g)?.length ?? 0;
      // The second letter is a slip, taken back.
      for (; answered < questions; answered++) child.stdin.write('hx\x7funter22\r');
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 0, shown);
    assert.doesNotMatch(shown, /unter/);
    assert.equal((await sallyport(['passwd', 'verify', 'a', '--stdin', '--file', file], 'hunter22\n')).code, 0);
  });

  it('reads what mosquitto_passwd wrote, and leaves it so that a real Mosquitto still does', {
    skip: !existsSync('/usr/sbin/mosquitto') && 'no mosquitto',
  }, async () => {
    const file = join(root, 'mosquitto-users');
    for (const [index, name] of ['a', 'b'].entries()) {
      spawnSync('mosquitto_passwd', [...(index === 0 ? ['-c'] : []), '-b', file, name, `secret-${name}`]);
    }
    for (const name of ['a', 'b']) {
      assert.equal(
        (await sallyport(['passwd', 'verify', name, '--stdin', '--file', file], `secret-${name}\n`)).code,
        0,
      );
    }
    assert.equal((await sallyport(['passwd', 'verify', 'a', '--stdin', '--file', file], 'secret-b\n')).code, 1);
    assert.equal((await sallyport(['passwd', 'delete', 'b', '--file', file])).code, 0);

    const port = await freePort();
    const config = join(root, 'mosquitto.conf');
    writeFileSync(config, `listener ${port} 127.0.0.1\npassword_file ${file}\nallow_anonymous false\nuser root\n`);
    const broker = spawn('/usr/sbin/mosquitto', ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      for await (const chunk of broker.stderr as AsyncIterable<Buffer>) if (/ running/.test(String(chunk))) break;
      const login = (name: string): number | null =>
        spawnSync('mosquitto_pub', [
          '-h',
          '127.0.0.1',
          '-p',
          String(port),
          '-u',
          name,
          '-P',
          `secret-${name}`,
          '-t',
          'x',
          '-m',
          'x',
        ]).status;
      assert.equal(login('a'), 0);
      assert.notEqual(login('b'), 0);
    } finally {
      broker.kill();
      await once(broker, 'exit');
    }
  });
});

interface Running {
  child: ChildProcess;
  /** Port of the first TLS listener. */
  port: number;
  log: Record<string, unknown>[];
  until(event: string, times?: number): Promise<Record<string, unknown>>;
}

async function start(data: string): Promise<Running> {
  const child = spawn(process.execPath, [BIN, 'start', '--data', data], {
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const log: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    log.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>));
    for (const look of waiting) look();
  });
  const until = (event: string, times = 1): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = log.filter((line) => line['event'] === event);
        if (found.length < times) return;
        waiting.delete(look);
        resolve(found[times - 1]!);
      };
      child.once('exit', () => reject(new Error(`ended before ${event}`)));
      waiting.add(look);
      look();
    });
  await until('gateway.started');
  const opened = log.find((line) => line['event'] === 'listener.opened' && line['type'] === 'tls');
  return { child, port: Number(opened?.['port']), log, until };
}

async function stop({ child }: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  child.kill(signal);
  return child.exitCode ?? ((await once(child, 'exit'))[0] as number | null);
}

describe('start', { concurrency: 3 }, () => {
  it('serves TLS with its own CA, reloads when asked, refuses a second gateway, and stops in order', async () => {
    const data = freshData();
    const running = await start(data);
    try {
      const socket = connectTls({
        port: running.port,
        host: 'localhost',
        ca: readFileSync(join(data, 'ca', 'ca.crt')),
      });
      await once(socket, 'secureConnect');
      assert.equal(socket.authorized, true);
      socket.destroy();

      const second = await sallyport(['start', '--data', data]);
      assert.equal(second.code, 2);
      assert.match(second.err, new RegExp(`A gateway is running on \\S+ already \\(process ${running.child.pid}\\)`));

      edit(join(data, 'sallyport.yaml'), (text) => text.replace('#: keepAliveMax: 20m', 'keepAliveMax: 5m'));
      const reloaded = await sallyport(['reload', '--data', data]);
      assert.equal(reloaded.code, 0);
      assert.match(reloaded.out, /^Reloaded \(generation \d+\): changed: limits/);

      edit(join(data, 'sallyport.yaml'), (text) => text.replace('keepAliveMax: 5m', 'keepAliveMax: 5'));
      const refused = await sallyport(['reload', '--data', data, '--json']);
      assert.equal(refused.code, 2);
      const answer = JSON.parse(refused.out) as { ok: boolean; says: string };
      assert.equal(answer.ok, false);
      assert.match(answer.says, /sallyport\.yaml:\d+:\d+: limits\.keepAliveMax: 5 is not allowed/);

      edit(join(data, 'sallyport.yaml'), (text) => text.replace('keepAliveMax: 5', 'keepAliveMax: 6m'));
      running.child.kill('SIGHUP');
      assert.deepEqual((await running.until('config.reloaded', 2))['changed'], ['limits']);
    } finally {
      assert.equal(await stop(running), 0);
    }
    assert.ok(running.log.some((line) => line['event'] === 'gateway.stopped'));
    for (const left of ['control.sock', 'pid']) assert.ok(!existsSync(join(data, left)), left);
    assert.equal((await sallyport(['reload', '--data', data])).code, 3);
  });

  it('starts again after it was killed', async () => {
    const data = freshData();
    const killed = await start(data);
    // It is made last.
    await eventually('the control socket is there', () => existsSync(join(data, 'control.sock')));
    await stop(killed, 'SIGKILL');
    assert.ok(existsSync(join(data, 'control.sock')), 'whoever is killed leaves it behind');
    assert.equal((await sallyport(['reload', '--data', data])).code, 3);
    const running = await start(data);
    await eventually('it answers', async () => (await sallyport(['reload', '--data', data])).code === 0);
    assert.equal(await stop(running, 'SIGINT'), 0);
  });

  it('tells the first password also when the first start fails', async () => {
    const taken = createServer();
    // Whether it is this test or another program that holds the port makes no difference.
    await new Promise<void>((resolve) => taken.once('error', () => resolve()).listen(8883, '::', resolve));
    const data = join(root, 'unlucky');
    const { code, err } = await sallyport(['start', '--data', data]);
    await new Promise((resolve) => taken.close(resolve));
    assert.equal(code, 2);
    assert.match(err, /8883 is in use/);
    const [, told = ''] = /A first user was made: device1, with the password (\S+)\n/.exec(err) ?? [];
    assert.equal((await sallyport(['passwd', 'verify', 'device1', '--stdin', '--data', data], told)).code, 0);
  });

  it('refuses what has to be mended in one sentence with exit code 2, and makes nothing that was not asked for', async () => {
    const absent = join(root, 'absent.yaml');
    const named = await sallyport(['start', '--config', absent]);
    assert.equal(named.code, 2);
    assert.match(named.err, /absent\.yaml:1:1: there is no such file/);
    assert.ok(!existsSync(absent));

    const cases: [(data: string) => void, RegExp][] = [
      [(data) => rmSync(join(data, 'users')), /users cannot be read \(ENOENT\)/],
      [(data) => edit(join(data, 'acl'), () => 'topic raed x\n'), /acl:1:\d+: /],
      [(data) => edit(join(data, 'certs', 'server.key'), () => 'nonsense'), /server\.key/],
      [
        (data) =>
          edit(join(data, 'sallyport.yaml'), (text) =>
            text.replace('#: destination: stdout', 'destination: no/such/log'),
          ),
        /no\/such\/log cannot be written/,
      ],
    ];
    for (const [breakIt, says] of cases) {
      const data = freshData();
      breakIt(data);
      const { code, err } = await sallyport(['start', '--data', data]);
      assert.match(err, says);
      assert.equal(code, 2);
      assert.doesNotMatch(err, /\n\s+at /);
    }
  });
});
