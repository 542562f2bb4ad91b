/** The embedded broker's numbers. */
import type { BrokerStats } from '../../../broker/broker.ts';
import type { MetricSample } from './metric-sample.ts';

export function brokerSamples(stats: BrokerStats): MetricSample[] {
  return [
    ['sallyport_broker_sessions', ['connected'], stats.connected],
    ['sallyport_broker_sessions', ['waiting'], stats.sessions - stats.connected],
    ['sallyport_broker_subscriptions', [], stats.subscriptions],
    ['sallyport_broker_retained_messages', [], stats.retainedMessages],
    ['sallyport_broker_retained_bytes', [], stats.retainedBytes],
    ['sallyport_broker_queued_messages', [], stats.queuedMessages],
    ['sallyport_broker_deliveries_dropped_total', [], stats.deliveriesDropped],
  ];
}
