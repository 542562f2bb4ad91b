/** The numbers of one gateway process that no event tells: read when somebody asks, from what is counted anyway. */
import type { Connections } from '../../../pipeline/connections.ts';
import type { Quarantine } from '../../../policy/detection/quarantine.ts';
import type { HashQueue } from '../../../policy/identity/hash-queue.ts';
import type { Listener } from '../../../transports/listener.ts';
import type { CertificateGuards } from '../../certificates/certificate-guards.ts';
import type { Overload } from '../../overload/overload.ts';
import type { Upstreams } from '../../upstreams.ts';
import { brokerSamples } from './broker-samples.ts';
import type { MetricSample } from './metric-sample.ts';
import type { TrafficTotals } from './traffic-totals.ts';

export interface SampledGateway {
  readonly connections: Connections;
  readonly traffic: TrafficTotals;
  readonly listeners: Iterable<Listener>;
  readonly hashQueue: HashQueue;
  readonly overload: Overload;
  readonly guards: CertificateGuards;
  readonly upstreams: Upstreams;
  readonly quarantine: Quarantine;
}

export function gatewaySamples(gateway: SampledGateway): MetricSample[] {
  const { connections, traffic, listeners, hashQueue, overload, guards, upstreams } = gateway;
  const stats = upstreams.brokerStats();
  return [
    ...traffic.samples(connections.values()),
    ...[...listeners].flatMap(listenerSamples),
    ['sallyport_hash_queue_running', [], hashQueue.running],
    ['sallyport_hash_queue_waiting', [], hashQueue.waiting],
    ['sallyport_overload_stage', [], overload.stage],
    ['sallyport_workers', [], 1],
    ['sallyport_quarantined', [], gateway.quarantine.size],
    ...overload.readings.map(
      ({ measure, value, limit }): MetricSample => ['sallyport_overload_ratio', [measure], value / limit],
    ),
    ...revocationSamples(guards),
    ...upstreamSamples(upstreams),
    ...(stats === undefined ? [] : brokerSamples(stats)),
  ];
}

function listenerSamples({ name, connectionsMax, handshakes, certificates }: Listener): MetricSample[] {
  const samples: MetricSample[] = [
    ['sallyport_connections_max', [name], connectionsMax],
    // Nothing is a number, too: what is not there yet shows no increase when it comes.
    ['sallyport_connections', [name, 'none'], 0],
    ...['in', 'out'].flatMap((direction): MetricSample[] => [
      ...['0', '1', '2'].map((qos): MetricSample => ['sallyport_messages_total', [direction, qos, name], 0]),
      ['sallyport_message_bytes_total', [direction, name], 0],
    ]),
  ];
  for (const [key, count] of handshakes) {
    const [result = '', version = ''] = key.split(' ');
    samples.push(['sallyport_tls_handshakes_total', [name, result, version], count]);
  }
  for (const { subject, expiresAtMs } of certificates) {
    samples.push(['sallyport_certificate_expiry_timestamp_seconds', [name, subject], expiresAtMs / 1000]);
  }
  return samples;
}

/** Certificates of clients say where lists are fetched from, so those go by one name. */
function revocationSamples(guards: CertificateGuards): MetricSample[] {
  const { files, fetched } = guards.nextUpdates();
  const rows = fetched.length === 0 ? files : [...files, { place: 'fetched', nextUpdateMs: soonest(fetched) }];
  return rows.map(({ place, nextUpdateMs }) => [
    'sallyport_crl_next_update_timestamp_seconds',
    [place],
    nextUpdateMs / 1000,
  ]);
}

function soonest(lists: readonly { readonly nextUpdateMs: number }[]): number {
  return lists.reduce((min, { nextUpdateMs }) => Math.min(min, nextUpdateMs), Number.POSITIVE_INFINITY);
}

function upstreamSamples(upstreams: Upstreams): MetricSample[] {
  const samples: MetricSample[] = [['sallyport_upstream_queue_bytes', [], upstreams.waitingBytes()]];
  for (const { upstream, target, state, connections } of upstreams.targets()) {
    samples.push(['sallyport_upstream_up', [upstream, target], state === 'down' ? 0 : 1]);
    samples.push(['sallyport_upstream_ejected', [upstream, target], state === 'ejected' ? 1 : 0]);
    samples.push(['sallyport_upstream_connections', [upstream, target], connections]);
  }
  for (const { upstream, target, dials, dialMs } of upstreams.latencies()) {
    samples.push(['sallyport_upstream_dials_total', [upstream, target], dials]);
    samples.push(['sallyport_upstream_dial_seconds_total', [upstream, target], dialMs / 1000]);
  }
  return samples;
}
