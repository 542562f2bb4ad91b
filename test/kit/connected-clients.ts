/** Processes with many clients that are connected, as the lists of operators see them; it counts how often one is looked at. */
import { type ClientAnswer, GatewayClients } from '../../src/app/clients/gateway-clients.ts';
import { ProcessClients } from '../../src/app/clients/process-clients.ts';
import { ManualClock } from '../../src/base/manual-clock.ts';
import type { Client } from '../../src/pipeline/client.ts';
import type { Connection } from '../../src/pipeline/connection.ts';
import { Traffic } from '../../src/pipeline/traffic.ts';

/** Of connection `number` in the worker `slot`; every fiftieth came over TLS, each of another user. */
function clientOf(slot: number, number: number): Client {
  return {
    downstream: {
      connectionId: slot === 0 ? `c${number}` : `w${slot}-c${number}`,
      listener: number % 50 === 0 ? 'mqtts' : 'mqtt',
      address: '192.0.2.1',
      port: 1883,
      secure: number % 50 === 0,
    },
    clientId: `d${number}`,
    username: `u${number}`,
    version: 5,
    keepAliveS: 60,
    subscriptions: new Map(),
    conduct: { connectedAtMs: 0 },
    traffic: new Traffic(),
  } as unknown as Client;
}

export interface ConnectedClients {
  readonly clients: GatewayClients;
  readonly processes: readonly ProcessClients[];
  readonly connections: readonly Connection[];
  readonly seen: { looks: number };
}

/** An even number of clients in each worker; `slots` of 0 is a gateway of one process. */
export function connectedClients(count: number, slots: readonly number[] = [0]): ConnectedClients {
  const seen = { looks: 0 };
  const connections: Connection[] = [];
  const clock = new ManualClock();
  const processes = slots.map((slot) => {
    const own = new ProcessClients({ clock, quarantine: { holds: () => false } } as unknown as ConstructorParameters<
      typeof ProcessClients
    >[0]);
    // A client may be let in before one that came earlier.
    for (let i = 0; i < count; i++) {
      const connection = connectionOf(clientOf(slot, (i ^ 1) + 1), seen);
      connections.push(connection);
      own.opened(connection);
    }
    return own;
  });
  const clients = new GatewayClients(
    async (question) => {
      if (question.kind !== 'list') throw new TypeError('only lists are asked here');
      const answers: ClientAnswer[] = processes.map((own) => own.list(question.query));
      // They answer in any order.
      return { answers: answers.reverse(), silent: [] };
    },
    () => [],
  );
  return { clients, processes, connections, seen };
}

function connectionOf(client: Client, seen: { looks: number }): Connection {
  return {
    get client() {
      seen.looks++;
      return client;
    },
  } as unknown as Connection;
}
