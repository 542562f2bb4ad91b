/** Which configuration a command means. */
import { join } from 'node:path';
import { CONFIG_FILE } from '../app/init/layout.ts';
import { type Invocation, textOption, UsageError } from './command.ts';

export interface Place {
  /** As it is shown in messages. */
  readonly configFile: string;
  /** Whether the file was named, rather than found in a data directory. */
  readonly isNamed: boolean;
  /** Where a first start makes its files; of no meaning where the file was named. */
  readonly directory: string;
}

export function placeOf(invocation: Invocation): Place {
  const config = textOption(invocation, 'config');
  const data = textOption(invocation, 'data');
  if (config !== undefined && data !== undefined) {
    throw new UsageError('Give --config or --data, not both: the configuration names its own data directory.');
  }
  if (config === '' || data === '') throw new UsageError('A path must not be empty.');
  const directory = data ?? (process.env['SALLYPORT_DATA'] || 'data');
  if (config !== undefined) return { configFile: config, isNamed: true, directory };
  return { configFile: join(directory, CONFIG_FILE), isNamed: false, directory };
}
