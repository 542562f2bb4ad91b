/** How the family S judges what listens. */
import type { HostFacts } from '../../host/host-facts.ts';
import type { ListeningSocket } from '../../host/sockets.ts';
import type { Evaluate } from '../../model/check.ts';
import { type Source, unknown } from '../../model/fact.ts';
import {
  evidence,
  fail,
  judge,
  manual,
  notApplicable,
  type Outcome,
  type Outcomes,
  pass,
  unassessed,
} from '../../model/outcome.ts';
import type { SERVICES } from './catalogue.ts';
import { FIREWALL_EVALUATORS } from './firewall-evaluators.ts';
import {
  clusterPorts,
  isExposed,
  isLegacy,
  isManagement,
  LEGACY_PROCESSES,
  MQTT_PORTS,
  PLAIN_MQTT_PORTS,
  PROCESSES_OF,
  shownSocket,
} from './ports.ts';

function judgeSockets(
  facts: HostFacts,
  whenKnown: (sockets: readonly ListeningSocket[], source: Source) => Outcomes,
): Outcomes {
  return judge(facts.sockets, whenKnown, ({ from }) => unassessed(unknown('file-missing', `${from} told nothing.`)));
}

/** One outcome for each port: a service often listens on an address of each family. */
function perPort(
  sockets: readonly ListeningSocket[],
  source: Source,
  { reason, expected }: { readonly reason: string; readonly expected: string },
): Outcome[] {
  const ports = [...new Set(sockets.map(({ port }) => port))].sort((a, b) => a - b);
  return ports.map((port) => {
    const own = sockets.filter((socket) => socket.port === port);
    const exposed = own.filter(isExposed);
    const place = { subject: `port ${port}`, port, confidence: 'runtime' } as const;
    const proof = evidence((exposed.length > 0 ? exposed : own).map(shownSocket).join(', '), expected, source);
    return exposed.length > 0 ? fail(reason, proof, place) : pass(proof, { ...place });
  });
}

const RUNTIME = { confidence: 'runtime' } as const;

export const SERVICE_EVALUATORS: { readonly [Id in keyof typeof SERVICES]: Evaluate<HostFacts> } = {
  ...FIREWALL_EVALUATORS,

  S01: (facts) =>
    judgeSockets(facts, (sockets, source) => {
      const mqtt = sockets.filter(({ protocol, port }) => protocol === 'tcp' && MQTT_PORTS.includes(port));
      if (mqtt.length === 0) return notApplicable('no-mqtt', 'Nothing listens on a port of MQTT.');
      const plain = mqtt.filter(({ port }) => PLAIN_MQTT_PORTS.includes(port));
      const expected = 'plain MQTT on a loopback address only';
      if (plain.length > 0) return perPort(plain, source, { reason: 'plaintext-exposed', expected });
      return pass(evidence(mqtt.map(shownSocket).join(', '), expected, source), RUNTIME);
    }),

  S02: (facts) =>
    judgeSockets(facts, (sockets, source) => {
      const management = sockets.filter(isManagement);
      if (management.length === 0)
        return notApplicable('no-management', 'No management interface of a broker listens.');
      return perPort(management, source, {
        reason: 'management-exposed',
        expected: 'a loopback or management address',
      });
    }),

  S03: (facts) =>
    judge(
      facts.brokerProcesses,
      (processes) => {
        const nodes = processes.filter(({ broker }) => broker === 'emqx');
        if (nodes.length === 0)
          return notApplicable('no-cluster', 'No broker runs whose cluster ports the audit knows.');
        return judgeSockets(facts, (sockets, source) => {
          const ports = new Set(nodes.flatMap(clusterPorts));
          const open = sockets.filter(({ protocol, port }) => protocol === 'tcp' && ports.has(port));
          const expected = 'cluster ports on the cluster network only';
          if (open.length === 0) return pass(evidence('no cluster port listens', expected, source), RUNTIME);
          return perPort(open, source, { reason: 'cluster-port-exposed', expected });
        });
      },
      () => notApplicable('no-cluster', 'No broker runs.'),
    ),

  S04: (facts) => {
    const declared = facts.declared.listeners;
    if (declared === undefined)
      return manual(
        'nothing-declared',
        'Declare under `listeners` of the audit file what is to listen; the rest is drift.',
      );
    return judgeSockets(facts, (sockets, source) => {
      const expected = 'every port that listens beyond loopback is declared';
      const drift = sockets.filter(
        (socket) =>
          isExposed(socket) &&
          !declared.some(({ port, protocol }) => port === socket.port && protocol === socket.protocol),
      );
      if (drift.length === 0)
        return pass(evidence(`${declared.length} ports are declared, no other listens`, expected, source), RUNTIME);
      const groups = Map.groupBy(drift, ({ protocol, port }) => `${protocol} port ${port}`);
      return [...groups].map(([subject, own]) =>
        fail('undeclared-listener', evidence(own.map(shownSocket).join(', '), expected, source), {
          ...RUNTIME,
          subject,
          port: own[0]!.port,
        }),
      );
    });
  },

  S05: (facts) =>
    judge(
      facts.configuredListeners,
      (configured) => {
        const running = configured.filter(
          ({ broker }) =>
            facts.brokerProcesses.state !== 'known' || facts.brokerProcesses.value.some((one) => one.broker === broker),
        );
        if (running.length === 0)
          return notApplicable('no-configuration', 'No broker runs whose configuration the audit has read.');
        return judgeSockets(facts, (sockets, source) =>
          running.map(({ broker, file, ports, pids }) => {
            const names = PROCESSES_OF[broker];
            const own = sockets.filter(
              ({ protocol, process = '', pid }) =>
                protocol === 'tcp' &&
                names.includes(process) &&
                (pids === undefined || pid === undefined || pids.includes(pid)),
            );
            const place = { ...RUNTIME, subject: `${broker} ${file}` };
            if (own.length === 0 && ports.length > 0 && sockets.every(({ process }) => process === undefined))
              return unassessed(
                unknown('permission-denied', 'This user may not see which process a port belongs to.'),
                place,
              );
            const open = [...new Set(own.map(({ port }) => port))].sort((a, b) => a - b);
            // What else a runtime listens on may be another program's.
            const unmeant = broker === 'mosquitto' ? open.filter((port) => !ports.includes(port)) : [];
            const missing = ports.filter((port) => !open.includes(port));
            const proof = evidence(
              `listens on ${open.join(', ') || 'nothing'}`,
              `${file} asks for ${ports.join(', ') || 'nothing'}`,
              source,
            );
            if (unmeant.length > 0) return fail('listener-not-configured', proof, { ...place, port: unmeant[0]! });
            return missing.length > 0
              ? fail('listener-not-running', proof, { ...place, severity: 'medium' })
              : pass(proof, place);
          }),
        );
      },
      () => notApplicable('no-configuration', 'No configuration of a broker was found.'),
    ),

  S06: (facts) =>
    judge(
      facts.processNames,
      (names, source) => {
        const running = LEGACY_PROCESSES.filter((name) => names.has(name.slice(0, 15)));
        const listening = facts.sockets.state === 'known' ? facts.sockets.value.filter(isLegacy) : [];
        const expected = 'no telnet, rsh, tftp, inetd or xinetd';
        const found = [...running, ...listening.map(shownSocket)];
        if (found.length > 0) return fail('legacy-daemon', evidence(found.join(', '), expected, source), RUNTIME);
        if (facts.sockets.state === 'unknown') return unassessed(facts.sockets, RUNTIME);
        return pass(evidence('none runs', expected, source), RUNTIME);
      },
      ({ from }) => unassessed(unknown('file-missing', `${from} is not there.`)),
    ),
};
