/** The numbers of what events are written to. */
import type { EventLog } from '../../log.ts';
import type { JournalWriter } from '../journal/writer.ts';
import type { CollectorStats } from '../syslog/collectors.ts';
import type { MetricSample } from './metric-sample.ts';

export function sinkSamples(
  log: EventLog,
  journal: JournalWriter | undefined,
  collectors: readonly CollectorStats[],
): MetricSample[] {
  const samples: MetricSample[] = [['sallyport_log_lines_dropped_total', [], log.droppedCount]];
  if (journal !== undefined) {
    const { records, bytes, pending, lost, syncedAtMs, isFailing } = journal.stats();
    samples.push(
      ['sallyport_journal_records_total', [], records],
      ['sallyport_journal_bytes_total', [], bytes],
      ['sallyport_journal_pending_records', [], pending],
      ['sallyport_journal_lost_total', [], lost],
      ['sallyport_journal_synced_timestamp_seconds', [], syncedAtMs / 1000],
      ['sallyport_journal_broken', [], isFailing ? 1 : 0],
    );
  }
  for (const { collector, queued, lost, isUp } of collectors) {
    samples.push(
      ['sallyport_collector_queued', [collector], queued],
      ['sallyport_collector_lost_total', [collector], lost],
      ['sallyport_collector_up', [collector], isUp ? 1 : 0],
    );
  }
  return samples;
}
