/** What connections cost: handshakes, memory while they do nothing, and all of them at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HandshakePlan, IdlePlan, StormPlan } from '../load/plan.ts';
import { Load, runLoad } from '../load.ts';
import { type Peer, targetOf } from '../peers/peer.ts';
import { residentBytes } from '../processes.ts';
import type { PeerName, Stage } from '../stage.ts';
import { type Measure, mark, type Row, type Sample, type Scale } from './measure.ts';

const LANES = 8;

export function handshakes(scale: Scale): Measure {
  const row = (title: string, isResumed: boolean, group: string): Row => ({
    title,
    run: async (peer, stage) => {
      const running = await stage.peer(peer);
      if (running === undefined) return undefined;
      const plan: HandshakePlan = {
        kind: 'handshakes',
        ...targetOf(running, true),
        prefix: mark(),
        isResumed,
        group,
        lanes: LANES,
        warmUpMs: scale.warmUpMs,
        durationMs: scale.durationMs,
      };
      const result = await runLoad(plan);
      const values = { perCore: (result.handshakes / result.targetMs) * 1000 };
      return { values, isComplete: result.handshakes > 0 && result.asAsked >= result.handshakes };
    },
  });
  return {
    name: 'handshakes',
    title: 'TLS handshakes',
    method: 'TLS 1.3, ECDSA P-256; a connection, a handshake, an end; no MQTT.',
    metrics: [
      { key: 'perCore', title: 'handshakes a second of processor time', unit: '/s', better: 'more', digits: 0 },
    ],
    peers: ['haproxy', 'nginx', 'mosquitto', 'gateway'],
    baseline: 'haproxy',
    rows: [
      row('full, X25519', false, 'X25519'),
      row('resumed, X25519', true, 'X25519'),
      row('full, X25519MLKEM768 where the peer can', false, '*X25519MLKEM768:*X25519'),
    ],
  };
}

const CONNECTIONS_PER_LOAD = 1000;

async function idle(peer: Peer, group: string | undefined, scale: Scale): Promise<Sample> {
  const { idleConnections: connections, settleMs, firstConnections, firstMs } = scale;
  const target = { ...targetOf(peer, group !== undefined), ...(group === undefined ? {} : { group }) };
  const loads: Load<IdlePlan>[] = [];
  const add = async (count: number): Promise<void> => {
    loads.push(await Load.prepare({ kind: 'idle', ...target, prefix: mark(), connections: count }));
  };
  try {
    await add(firstConnections);
    await sleep(firstMs);
    const before = residentBytes(target.pids);
    for (let left = connections; left > 0; left -= CONNECTIONS_PER_LOAD)
      await add(Math.min(left, CONNECTIONS_PER_LOAD));
    await sleep(settleMs);
    const bytes = residentBytes(target.pids) - before;
    return { values: { memory: bytes / 1024 / connections }, isComplete: true };
  } finally {
    for (const load of loads) await load.end();
  }
}

export function idleMemory(scale: Scale): Measure {
  const row = (title: string, group?: string): Row => ({
    title,
    run: async (name: PeerName, stage: Stage) => {
      if ((await stage.peer(name)) === undefined) return undefined;
      const peer = await stage.fresh(name);
      try {
        return await idle(peer, group, scale);
      } finally {
        await peer.stop();
      }
    },
  });
  return {
    name: 'memory',
    title: 'Memory of an idle connection',
    method: `Growth of resident memory by ${scale.idleConnections} connected clients that say nothing, after ${scale.firstConnections} others, in a process started anew.`,
    metrics: [{ key: 'memory', title: 'resident', unit: 'KB/connection', better: 'less', digits: 1 }],
    peers: ['haproxy', 'nginx', 'mosquitto', 'embedded', 'gateway'],
    baseline: 'haproxy',
    rows: [
      row('TCP'),
      row('TLS, X25519', 'X25519'),
      row('TLS, X25519MLKEM768 where the peer can', '*X25519MLKEM768:*X25519'),
    ],
  };
}

const STORM_DEADLINE_MS = 60_000;

/** The clients of several load processes, all known, come back at once. */
export function storm(scale: Scale): Measure {
  const row: Row = {
    title: `${scale.idleConnections} clients, TLS`,
    run: async (peer, stage) => {
      const running = await stage.peer(peer);
      if (running === undefined) return undefined;
      const loads: Load<StormPlan>[] = [];
      try {
        for (let left = scale.idleConnections; left > 0; left -= CONNECTIONS_PER_LOAD) {
          const connections = Math.min(left, CONNECTIONS_PER_LOAD);
          const plan = { kind: 'storm', ...targetOf(running, true), prefix: mark() } as const;
          loads.push(await Load.prepare({ ...plan, connections, deadlineMs: STORM_DEADLINE_MS }));
        }
        const results = await Promise.all(loads.map((load) => load.run()));
        const returned = results.reduce((sum, result) => sum + result.returned, 0);
        const seconds = Math.max(...results.map((result) => result.elapsedMs)) / 1000;
        return { values: { seconds, returned }, isComplete: returned === scale.idleConnections };
      } finally {
        for (const load of loads) await load.end();
      }
    },
  };
  return {
    name: 'storm',
    title: 'Reconnect storm',
    method: 'All clients reconnect in the same moment, with TLS, password and CONNECT; until the last one is served.',
    metrics: [
      { key: 'seconds', title: 'until all are back', unit: 's', better: 'less', digits: 2 },
      { key: 'returned', title: 'clients served', unit: '', better: 'more', digits: 0 },
    ],
    peers: ['haproxy', 'mosquitto', 'embedded', 'gateway'],
    baseline: 'haproxy',
    rows: [row],
  };
}
