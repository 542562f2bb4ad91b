/** What a configuration file configures, by its name, else by what it looks like. */
import { posix } from 'node:path';
import type { Fact } from '../model/fact.ts';

export const CONFIG_KINDS = ['mosquitto', 'emqx', 'hivemq', 'gateway'] as const;
export type ConfigKind = (typeof CONFIG_KINDS)[number];

const NAMES: readonly (readonly [RegExp, ConfigKind])[] = [
  [/mosquitto[^/]*\.conf$/i, 'mosquitto'],
  [/emqx[^/]*\.conf$|\.hocon$/i, 'emqx'],
  [/\.xml$/i, 'hivemq'],
  [/\.ya?ml$/i, 'gateway'],
];

/** Words that begin a line of mosquitto.conf, with a value behind a blank. */
const MOSQUITTO_LINE =
  /^(?:listener|port|allow_anonymous|per_listener_settings|password_file|acl_file|include_dir|persistence|log_dest|log_type|plugin|max_\w+|cafile|certfile|connection)[ \t]+\S/m;
const HOCON_LINE = /^\s*[\w.]+\s*(?:=|\{)/m;

/** Undefined where it cannot be told. */
export function kindOfConfig(file: string, text: Fact<string>): ConfigKind | undefined {
  const named = NAMES.find(([pattern]) => pattern.test(posix.basename(file)))?.[1];
  if (named !== undefined || text.state !== 'known') return named;
  const start = text.value.slice(0, 64 * 1024);
  if (/^\s*<(?:\?xml|hivemq|!--)/.test(start)) return 'hivemq';
  const isMosquitto = MOSQUITTO_LINE.test(start);
  const isHocon = HOCON_LINE.test(start);
  if (isMosquitto !== isHocon) return isMosquitto ? 'mosquitto' : 'emqx';
  return /^listeners:/m.test(start) ? 'gateway' : undefined;
}
