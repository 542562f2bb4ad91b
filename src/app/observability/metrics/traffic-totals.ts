/** What went through all connections of each listener: those that are open are looked at when somebody asks, and counted on when they end. */
import type { Client } from '../../../pipeline/client.ts';
import { Traffic } from '../../../pipeline/traffic.ts';
import { versionWord } from './metric-labels.ts';
import type { MetricSample } from './metric-sample.ts';

const COUNTED = ['qos0In', 'qos1In', 'qos2In', 'qos0Out', 'qos1Out', 'qos2Out', 'bytesIn', 'bytesOut'] as const;

export class TrafficTotals {
  /** Of connections that have ended, by listener: as many as were ever configured. */
  readonly #ended = new Map<string, Traffic>();

  /** A connection has ended; call it once for each. */
  gone({ downstream, traffic }: Client): void {
    let total = this.#ended.get(downstream.listener);
    if (total === undefined) {
      total = new Traffic();
      this.#ended.set(downstream.listener, total);
    }
    for (const key of COUNTED) total[key] += traffic[key];
  }

  /** What went through the connections that have ended, by listener. */
  get ended(): Iterable<Traffic> {
    return this.#ended.values();
  }

  /** With the connections that are open now. */
  samples(open: Iterable<{ readonly client: Client }>): MetricSample[] {
    const totals = new Map<string, Traffic>();
    const connections = new Map<string, Map<string, number>>();
    for (const [listener, ended] of this.#ended) totals.set(listener, Object.assign(new Traffic(), ended));
    for (const { client } of open) {
      const { listener } = client.downstream;
      let total = totals.get(listener);
      if (total === undefined) {
        total = new Traffic();
        totals.set(listener, total);
      }
      for (const key of COUNTED) total[key] += client.traffic[key];
      const version = versionWord(client.connect === undefined ? undefined : client.version);
      const byVersion = connections.get(listener) ?? new Map<string, number>();
      connections.set(listener, byVersion.set(version, (byVersion.get(version) ?? 0) + 1));
    }
    const samples: MetricSample[] = [];
    for (const [listener, total] of totals) {
      for (const qos of ['0', '1', '2'] as const) {
        samples.push(['sallyport_messages_total', ['in', qos, listener], total[`qos${qos}In`]]);
        samples.push(['sallyport_messages_total', ['out', qos, listener], total[`qos${qos}Out`]]);
      }
      samples.push(['sallyport_message_bytes_total', ['in', listener], total.bytesIn]);
      samples.push(['sallyport_message_bytes_total', ['out', listener], total.bytesOut]);
    }
    for (const [listener, byVersion] of connections) {
      for (const [version, count] of byVersion) samples.push(['sallyport_connections', [listener, version], count]);
    }
    return samples;
  }
}
