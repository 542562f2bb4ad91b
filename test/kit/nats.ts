/** Starts servers of NATS as one cluster that keeps MQTT's sessions in JetStream. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ACCOUNT_PASSWORD, answerClients, type ClusterNode, type RunningCluster, startAll } from './cluster.ts';
import { documented, replaced } from './documented.ts';
import { freePort, HOST, Program, removeDirectory, temporaryDirectory } from './process.ts';

const HOSTS = ['nats-a', 'nats-b', 'nats-c'];

export const withoutNats: string | false =
  spawnSync('nats-server', ['--version']).error === undefined ? false : 'nats-server is not installed';

export async function startNatsCluster(): Promise<RunningCluster> {
  const directory = await temporaryDirectory('nats');
  const routePorts = await Promise.all(HOSTS.map(freePort));
  const nodes: ClusterNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.kill()));
    await removeDirectory(directory);
  };
  try {
    for (const [index, host] of HOSTS.entries()) {
      const home = path.join(directory, host);
      await mkdir(home);
      const [clientPort, mqttPort] = [await freePort(), await freePort()];
      const config = replaced(documented('clusters.md', 'NATS', 'nats-server.conf'), {
        'server_name: nats-a': `server_name: ${host}`,
        '127.0.0.1:4222': `${HOST}:${clientPort}`,
        '/var/lib/nats': path.join(home, 'store'),
        '0.0.0.0:1883': `${HOST}:${mqttPort}`,
        '0.0.0.0:6222': `${HOST}:${routePorts[index]}`,
        ...Object.fromEntries(HOSTS.map((other, at) => [`nats://${other}:6222`, `nats://${HOST}:${routePorts[at]}`])),
      });
      const file = path.join(home, 'nats-server.conf');
      await writeFile(file, config);
      let program: Program | undefined;
      const node: ClusterNode = {
        host,
        mqttPort,
        kill: async () => program?.end('SIGKILL'),
        start: async () => {
          const env = { PASSWORD: `"${ACCOUNT_PASSWORD}"` };
          program = await Program.start('nats-server', ['-c', file], [mqttPort], { env });
        },
      };
      nodes.push(node);
    }
    await startAll(nodes);
    await answerClients(nodes);
    return { nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
