/** An incident out of the journal on disk. What retention takes while it is searched is left out, and said. */
import type { Removed } from '../journal/removed.ts';
import { searchJournal } from '../journal/search.ts';
import type { IndexProgress } from '../journal/search-index.ts';
import { collectIncident, type Incident, type IncidentAsked } from './incident.ts';

export async function incidentIn(
  directory: string,
  asked: IncidentAsked,
  onProgress?: IndexProgress,
): Promise<Incident> {
  let all: Removed | undefined;
  const incident = await collectIncident(asked, async (wanted) => {
    const { records, removed } = await searchJournal(directory, wanted, onProgress);
    // One search follows the other, and so does what is gone.
    if (removed !== undefined) all = { sinceMs: all?.sinceMs ?? removed.sinceMs, untilMs: removed.untilMs };
    return records;
  });
  return { ...incident, removed: all ?? null };
}
