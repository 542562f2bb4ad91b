/** The `journal` section: the tamper-evident record of decisions and of what operators did. */
import { duration, flag, path, section, size } from './fields.ts';

export function journalSchema(directory: string) {
  return section({
    enabled: flag().prefault(true).meta({ description: 'Whether a journal is kept.' }),
    directory: path(directory)
      .optional()
      .meta({ description: 'Where its segments are kept; without it the folder journal of the data directory.' }),
    syncInterval: duration({ min: '10ms', max: '1m' })
      .prefault('1s')
      .meta({ description: 'Longest time between two syncs: the most that a power cut may cost.' }),
    segmentSizeMax: size({ min: '64KiB', max: '4GiB' })
      .prefault('64MiB')
      .meta({ description: 'A segment of this size is sealed with a signature, and another begun.' }),
    segmentAgeMax: duration({ min: '1m', max: '30d' })
      .prefault('1d')
      .meta({ description: 'The same for one of this age.' }),
    keepFor: duration({ min: '1h', max: '3650d' })
      .prefault('365d')
      .meta({ description: 'Older segments are removed, and a signed note says which.' }),
    keepSizeMax: size({ min: '1MiB', max: '16384GiB' })
      .prefault('4GiB')
      .meta({ description: 'All segments together; the oldest make room.' }),
  }).transform((given) => ({
    isEnabled: given.enabled,
    directory: given.directory,
    syncIntervalMs: given.syncInterval,
    segmentMaxBytes: given.segmentSizeMax,
    segmentMaxAgeMs: given.segmentAgeMax,
    keepForMs: given.keepFor,
    keepMaxBytes: given.keepSizeMax,
  }));
}
