/**
 * Makes a fresh clone ready: installs what package-lock.json pins, and with `--for-tests` the Debian packages that tests
 * use. Runs on any Node from 20 on with nothing installed; a second run only looks and takes a few milliseconds.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { BIN, isNewEnough, NODE_MINIMUM, ROOT, run } from './toolchain.mjs';

/** Programs that tests start. A test whose program is missing is skipped and says so. */
const TEST_PROGRAMS = [
  { command: 'mosquitto', package: 'mosquitto', why: 'a real broker to stand in front of' },
  { command: 'sshd', package: 'openssh-server', why: 'judges what the audit makes of its configuration' },
  { command: 'mosquitto_passwd', package: 'mosquitto', why: 'writes the password files that ours must read' },
  { command: 'mosquitto_pub', package: 'mosquitto-clients', why: 'a real publisher, over tcp and TLS' },
  { command: 'mosquitto_sub', package: 'mosquitto-clients', why: 'a real subscriber, over tcp and TLS' },
  { command: 'openssl', package: 'openssl', why: 'certificates made elsewhere, and TLS handshakes of every kind' },
  { command: 'slapd', package: 'slapd', why: 'a real directory for LDAP logins' },
  { command: 'ldapadd', package: 'ldap-utils', why: 'fills that directory' },
  { command: 'redis-server', package: 'redis-server', why: 'a real Redis for logins' },
  { command: 'psql', package: 'postgresql', why: 'a real PostgreSQL for logins' },
  {
    command: 'rabbitmq-server',
    package: 'rabbitmq-server',
    why: 'a real cluster that speaks no MQTT 5, and loses a node',
  },
  { command: 'nats-server', package: 'nats-server', why: 'another cluster, which keeps sessions in its own way' },
  { command: 'logrotate', package: 'logrotate', why: 'rotates the log as the documentation says' },
  { command: 'rsyslogd', package: 'rsyslog', why: 'a real collector of events' },
  { command: 'tshark', package: 'tshark', why: 'reads what the flight recorder writes' },
  { command: 'prometheus', package: 'prometheus', why: 'raises alerts from the metrics of a gateway' },
  { command: 'prometheus-alertmanager', package: 'prometheus-alertmanager', why: 'is told alerts' },
  { command: 'promtool', package: 'prometheus', why: 'judges metrics and rules as Prometheus does' },
  { command: 'curl', package: 'curl', why: 'asks the control API as its page shows' },
  { command: 'jq', package: 'jq', why: 'takes its answers apart, as the page shows' },
  { command: 'ps', package: 'procps', why: 'memory and children of the processes under test' },
  { command: 'nft', package: 'nftables', why: 'rulesets as the real nft prints them, loaded in a namespace' },
  { command: 'iptables', package: 'iptables', why: 'rules of the old kind, as a host may still have them' },
  {
    command: 'fail2ban-server',
    package: 'fail2ban python3-systemd',
    why: 'the filter and the jail in deploy, on a real log',
  },
  { command: 'ip', package: 'iproute2', why: 'networks of their own for tests that need fixed ports' },
];

const STAMP = join(ROOT, 'node_modules', '.sallyport-setup');
const SERVICE_GUARD = '/usr/sbin/policy-rc.d';

function say(text) {
  process.stdout.write(`setup: ${text}\n`);
}

function lockHash() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  return createHash('sha256').update(lock).digest('hex');
}

function isInstalled(hash) {
  try {
    return readFileSync(STAMP, 'utf8').trim() === hash;
  } catch {
    return false;
  }
}

/** Starts npm with the machine's own Node: the pinned one is about to be replaced. */
function npmCommand() {
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter);
  const env = { ...process.env, PATH: path };
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script && node && existsSync(script) && existsSync(node) && !node.startsWith(dirname(BIN))) {
    return { command: node, args: [script], env };
  }
  return { command: 'npm', args: [], env };
}

async function installPackages(hash) {
  say('installing the packages that package-lock.json pins (npm ci) ...');
  const npm = npmCommand();
  const result = await run(npm.command, [...npm.args, 'ci', '--loglevel=error'], { quiet: true, env: npm.env });
  if (result.exitCode !== 0) {
    process.stderr.write(result.output);
    process.stderr.write('setup: npm ci failed; its own words are above. Nothing can run without it.\n');
    return false;
  }
  writeFileSync(STAMP, `${hash}\n`);
  say('packages are installed.');
  return true;
}

function hasPinnedNode() {
  return existsSync(join(BIN, 'node'));
}

function isOnPath(command) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** apt would start the services it installs; exit code 101 from this file tells it not to. */
async function withoutServices(work) {
  if (existsSync(SERVICE_GUARD)) return work();
  const remove = () => rmSync(SERVICE_GUARD, { force: true });
  writeFileSync(SERVICE_GUARD, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  process.once('exit', remove);
  try {
    return await work();
  } finally {
    remove();
    process.off('exit', remove);
  }
}

async function installTestPrograms() {
  const missing = TEST_PROGRAMS.filter((program) => !isOnPath(program.command));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap((program) => program.package.split(' ')))];
  const list = packages.join(' ');
  const isDebian = existsSync('/etc/debian_version') && isOnPath('apt-get');
  if (!isDebian || process.getuid?.() !== 0) {
    say('some tests use programs that are not installed here, and will be skipped:');
    for (const program of missing) say(`  ${program.command} (package ${program.package}): ${program.why}`);
    say(isDebian ? `to run them too: sudo apt-get install --no-install-recommends ${list}` : `packages: ${list}`);
    return;
  }
  say(`installing Debian packages for the tests: ${list} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const bounds = ['-o', 'Acquire::Retries=2', '-o', 'Acquire::http::Timeout=30', '-o', 'DPkg::Lock::Timeout=120'];
  const result = await withoutServices(async () => {
    const update = await run('apt-get', [...bounds, 'update'], { quiet: true, env });
    if (update.exitCode !== 0) return update;
    return run('apt-get', [...bounds, 'install', '-y', '--no-install-recommends', ...packages], { quiet: true, env });
  });
  if (result.exitCode === 0) say('Debian packages are installed.');
  else {
    process.stderr.write(`${result.output.trim().split('\n').slice(-5).join('\n')}\n`);
    say(`apt-get failed; tests that need ${list} will be skipped.`);
  }
}

const hash = lockHash();
if (!isInstalled(hash) && !(await installPackages(hash))) process.exit(1);
if (!hasPinnedNode() && !isNewEnough(process.versions.node)) {
  process.stderr.write(
    `setup: no pinned Node for ${process.platform}-${process.arch}, and this one is ${process.versions.node}: ` +
      `install Node ${NODE_MINIMUM.join('.')} or later.\n`,
  );
  process.exit(1);
}
if (process.argv.includes('--for-tests')) await installTestPrograms();
