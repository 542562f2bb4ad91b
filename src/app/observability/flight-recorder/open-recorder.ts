/** Puts the flight recorder of a process together from the configuration. */
import { join } from 'node:path';
import type { Chance } from '../../../base/chance.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Emit } from '../../../base/events.ts';
import type { Config } from '../../config/config.ts';
import { VERSION } from '../../version.ts';
import { openTopicHash, plainTopics } from '../topic-hash.ts';
import { FlightRecorder } from './flight-recorder.ts';
import { RecordingsFolder } from './recordings-folder.ts';

/** Where a configuration has its recordings. */
export function recordingsDirectoryOf({ flightRecorder, dataDirectory }: Config): string {
  return flightRecorder.directory ?? join(dataDirectory, 'recordings');
}

/** Also where it is off: a reload may switch it on. @throws {OperatorError} where topics cannot be hashed that must be. */
export async function openFlightRecorder(
  config: Config,
  { clock, chance, emit }: { clock: Clock; chance: Chance; emit: Emit },
): Promise<FlightRecorder> {
  const isHashed = config.log.topics === 'hashed';
  return new FlightRecorder({
    clock,
    emit,
    config: config.flightRecorder,
    folder: new RecordingsFolder(recordingsDirectoryOf(config), VERSION),
    spell: isHashed ? await openTopicHash(config.dataDirectory, chance) : plainTopics,
  });
}
