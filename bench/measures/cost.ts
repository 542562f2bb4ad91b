/** What a message costs a proxy in processor time: single messages on many connections, and in bulk. */

import type { FloodPlan } from '../load/plan.ts';
import { runLoad } from '../load.ts';
import { targetOf } from '../peers/peer.ts';
import { type Measure, mark, type Row, type Scale } from './measure.ts';
import { flood, isWhole, sizeOf } from './throughput.ts';

/** One message a read: each connection sends its next one when the last is acknowledged. */
export function costPerMessage(scale: Scale): Measure {
  const rows: Row[] = [];
  for (const tls of [false, true]) {
    for (const connections of scale.connections) {
      rows.push({
        title: `${tls ? 'TLS' : 'TCP'}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
        run: async (peer, stage) => {
          const running = await stage.peer(peer);
          if (running === undefined) return undefined;
          const prefix = mark();
          const plan: FloodPlan = {
            ...flood(scale, 64),
            ...targetOf(running, tls),
            window: 1,
            publishers: connections,
            subscribers: 0,
            copies: 0,
            pattern: 'all',
            qos: 1,
            prefix,
            topicRoot: `bench/${prefix}`,
          };
          const result = await runLoad(plan);
          const values = {
            cpu: (result.targetMs * 1000) / result.acknowledged,
            rate: (result.acknowledged / result.elapsedMs) * 1000,
          };
          return { values, isComplete: isWhole(plan, result) };
        },
      });
    }
  }
  return {
    name: 'cost',
    title: 'Processor time of one message',
    method: 'QoS 1, 64 B, no subscriber, one message under way on each connection; only the proxy is charged.',
    metrics: [
      { key: 'cpu', title: 'processor time of the proxy', unit: 'us/message', better: 'less', digits: 2 },
      { key: 'rate', title: 'messages', unit: '/s', better: 'more', digits: 0, isAside: true },
    ],
    peers: ['haproxy', 'nginx', 'gateway'],
    baseline: 'haproxy',
    rows,
  };
}

/** Before a broker that swallows all, so that the proxy is what limits. */
export function bulk(scale: Scale): Measure {
  const rows: Row[] = scale.payloadBytes.map((bytes) => ({
    title: `QoS 0, ${sizeOf(bytes)}`,
    run: async (peer, stage) => {
      const running = await stage.peer(peer);
      if (running === undefined) return undefined;
      const prefix = mark();
      const plan: FloodPlan = {
        ...flood(scale, bytes),
        ...targetOf(running, false),
        batch: 1000,
        publishers: 4,
        subscribers: 0,
        copies: 0,
        pattern: 'all',
        qos: 0,
        prefix,
        topicRoot: `bench/${prefix}`,
      };
      const result = await runLoad(plan);
      const values = {
        rate: (result.sent / result.elapsedMs) * 1000,
        perCore: (result.sent / result.targetMs) * 1000,
      };
      return { values, isComplete: result.sent > 0 };
    },
  }));
  return {
    name: 'bulk',
    title: 'In bulk, one way',
    method: '4 publishers, writes of up to 64 KB, before a broker that throws away all it gets.',
    metrics: [
      { key: 'rate', title: 'messages', unit: '/s', better: 'more', digits: 0 },
      {
        key: 'perCore',
        title: "messages a second of the proxy's processor time",
        unit: '/s',
        better: 'more',
        digits: 0,
      },
    ],
    peers: ['haproxy-sink', 'nginx-sink', 'gateway-sink'],
    baseline: 'haproxy-sink',
    rows,
  };
}

const ACL_TOPICS = 20_000;

/** The same load before a short ACL and a long one. */
export function ruleCount(scale: Scale): Measure {
  const row = (title: string, topicsPerPublisher: number): Row => ({
    title,
    run: async (peer, stage) => {
      const running = await stage.peer(peer);
      if (running === undefined) return undefined;
      const plan: FloodPlan = {
        ...flood(scale, 64),
        ...targetOf(running, false),
        topicsPerPublisher,
        publishers: 1,
        subscribers: 1,
        copies: 1,
        pattern: 'all',
        qos: 0,
        prefix: mark(),
        topicRoot: 'bench/acl',
      };
      const result = await runLoad(plan);
      const values = { cpu: (result.targetMs * 1000) / result.received };
      return { values, isComplete: isWhole(plan, result) };
    },
  });
  return {
    name: 'acl',
    title: 'Length of the ACL',
    method: "QoS 0, 64 B, one publisher, one subscriber; all rules are the publishing user's own.",
    metrics: [{ key: 'cpu', title: 'processor time', unit: 'us/message', better: 'less', digits: 3 }],
    peers: ['few-rules', 'many-rules'],
    baseline: 'few-rules',
    rows: [row('one topic', 1), row(`${ACL_TOPICS.toLocaleString('en')} topics in turn`, ACL_TOPICS)],
  };
}
