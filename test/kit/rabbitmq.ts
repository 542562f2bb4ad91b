/**
 * Starts RabbitMQ nodes of Debian's package as one cluster: below a directory and an epmd of their own, so that the machine's service,
 * which nobody starts, is not touched.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ACCOUNT, ACCOUNT_PASSWORD, answerClients, type ClusterNode, type RunningCluster } from './cluster.ts';
import { documented, replaced } from './documented.ts';
import { freePort, HOST, Program, removeDirectory, runToEnd, temporaryDirectory } from './process.ts';

const HOSTS = ['rabbit-a', 'rabbit-b', 'rabbit-c'];
/** Not those on the PATH, which change to the service's user and its directories. */
const SCRIPTS = '/usr/lib/rabbitmq/bin';
/** They look for each other first, and the machine has other work. */
const START_DEADLINE_MS = 75_000;
/** One scheduler a node, and none that spins: the machine has other work. */
const ERLANG = '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}';

export const withoutRabbitmq: string | false = existsSync(`${SCRIPTS}/rabbitmq-server`)
  ? false
  : 'rabbitmq-server is not installed';

export async function startRabbitmqCluster(): Promise<RunningCluster> {
  const directory = await temporaryDirectory('rabbitmq');
  const home = path.join(directory, 'home');
  await mkdir(home);
  await writeFile(path.join(home, '.erlang.cookie'), 'COOKIEOFTHETESTS', { mode: 0o400 });
  const epmdPort = await freePort();
  const environment = { HOME: home, ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: HOST };
  const epmd = await Program.start('epmd', ['-port', String(epmdPort), '-address', HOST], [epmdPort]);
  const stops = [() => epmd.end()];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.slice(1).map((end) => end()));
    await stops[0]!();
    await removeDirectory(directory);
  };
  try {
    const nodes: ClusterNode[] = [];
    for (const host of HOSTS) nodes.push(await prepareNode(path.join(directory, host), host, environment));
    stops.push(...nodes.map((node) => () => node.kill()));
    // Nodes that form a cluster at the same moment may end with a register of client identifiers that has no leader, and those that
    // join it at the same moment may wait for each other for ever.
    for (const node of nodes) await node.start();
    await addAccount(environment, path.join(directory, HOSTS[0]!));
    await answerClients(nodes);
    return { nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function prepareNode(
  directory: string,
  host: string,
  environment: Readonly<Record<string, string>>,
): Promise<ClusterNode> {
  await mkdir(directory);
  const at = (name: string): string => path.join(directory, name);
  const [mqttPort, nodesPort] = [await freePort(), await freePort()];
  const config = replaced(documented('clusters.md', 'RabbitMQ', 'rabbitmq.conf'), {
    'tcp.default = 1883': `tcp.default = ${HOST}:${mqttPort}`,
    ...Object.fromEntries(HOSTS.map((other) => [`rabbit@${other}`, `${other}@localhost`])),
  });
  await writeFile(at('rabbitmq.conf'), `${config}\nlog.console = true\nlog.file = false\n`);
  await writeFile(at('enabled_plugins'), '[rabbitmq_mqtt].\n');
  await writeFile(at('rabbitmq-env.conf'), '');
  const env = {
    ...environment,
    // The script becomes the node, instead of waiting for it: a signal reaches what it is meant for.
    RUNNING_UNDER_SYSTEMD: 'true',
    NOTIFY_SOCKET: undefined,
    RABBITMQ_NODENAME: `${host}@localhost`,
    RABBITMQ_DIST_PORT: String(nodesPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: ERLANG,
    RABBITMQ_CONF_ENV_FILE: at('rabbitmq-env.conf'),
    RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: at('advanced.config'),
    RABBITMQ_GENERATED_CONFIG_DIR: at('generated'),
    RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
    RABBITMQ_MNESIA_BASE: at('mnesia'),
    RABBITMQ_LOG_BASE: at('log'),
    RABBITMQ_PID_FILE: at('pid'),
  };
  let program: Program | undefined;
  return {
    host,
    mqttPort,
    kill: async () => program?.end('SIGKILL'),
    start: async () => {
      const options = { cwd: directory, env, isGroup: true, startDeadlineMs: START_DEADLINE_MS };
      program = await Program.start(`${SCRIPTS}/rabbitmq-server`, [], [mqttPort], options);
    },
  };
}

/** As the documentation says, word for word. */
async function addAccount(environment: Readonly<Record<string, string>>, directory: string): Promise<void> {
  const commands = documented('clusters.md', 'RabbitMQ', 'on any node');
  const env = {
    ...environment,
    PATH: `${SCRIPTS}:${process.env['PATH']}`,
    PASSWORD: ACCOUNT_PASSWORD,
    RABBITMQ_NODENAME: `${HOSTS[0]}@localhost`,
    RABBITMQ_CONF_ENV_FILE: path.join(directory, 'rabbitmq-env.conf'),
  };
  const { code, out, err } = await runToEnd('sh', ['-e'], { env, cwd: directory, input: commands });
  assert.equal(code, 0, out + err);
  assert.match(out, new RegExp(`Adding user "${ACCOUNT}"`));
}
