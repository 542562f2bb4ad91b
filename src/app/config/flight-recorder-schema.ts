/** The `flightRecorder` section: the latest packets of each connection, kept in memory and written down around an incident. */
import { choice, duration, flag, list, path, section, size, wholeNumber } from './fields.ts';

export const INCIDENTS = ['detection', 'ban', 'fault'] as const;

export function flightRecorderSchema(directory: string) {
  return section({
    enabled: flag().prefault(false).meta({ description: 'Whether packet headers of connections are kept in memory.' }),
    memoryPerConnection: size({ min: '1KiB', max: '1MiB' })
      .prefault('8KiB')
      .meta({ description: 'For one connection, both directions together; the oldest packets make room.' }),
    memoryMax: size({ min: '1MiB', max: '64GiB' })
      .prefault('64MiB')
      .meta({ description: 'For all connections of one process; those that come beyond it are not recorded.' }),
    payloadMax: size({ min: '0B', max: '4KiB' })
      .prefault('0B')
      .meta({ description: 'Of each PUBLISH, properties and payload up to so many bytes; 0 keeps none of them.' }),
    incidents: list(choice(INCIDENTS), { min: 0, max: INCIDENTS.length, what: 'incidents' })
      .prefault([...INCIDENTS])
      .meta({
        description:
          'What a recording is written for by itself: a detection, a ban, a packet that breaks the protocol (fault).',
      }),
    directory: path(directory)
      .optional()
      .meta({ description: 'Where recordings are written; without it the folder recordings of the data directory.' }),
    filesMax: wholeNumber({ min: 1, max: 100_000 })
      .prefault(200)
      .meta({ description: 'Recordings kept; the oldest make room.' }),
    keepSizeMax: size({ min: '1MiB', max: '64GiB' }).prefault('100MiB').meta({ description: 'All of them together.' }),
    keepFor: duration({ min: '1h', max: '3650d' }).prefault('30d').meta({ description: 'Older ones are removed.' }),
  }).transform(({ enabled, memoryPerConnection, memoryMax, payloadMax, keepSizeMax, keepFor, ...rest }) => ({
    ...rest,
    isEnabled: enabled,
    memoryPerConnectionBytes: memoryPerConnection,
    memoryMaxBytes: memoryMax,
    payloadMaxBytes: payloadMax,
    keepMaxBytes: keepSizeMax,
    keepForMs: keepFor,
  }));
}
