/** What the program runs on: parsed once, every default filled in, frozen, units in the names, paths absolute. */
import type { z } from 'zod';
import type { configSchema } from './schema.ts';

type DeepReadonly<Value> = Value extends object ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> } : Value;

export type Config = DeepReadonly<z.output<ReturnType<typeof configSchema>>>;
export type ListenerConfig = Config['listeners'][number];
export type ChainEntry = Config['authentication']['chain'][number];
export type UpstreamConfig = Config['upstreams'][number];
export type TargetConfig = UpstreamConfig['targets'][number];
export type TlsConfig = NonNullable<ListenerConfig['tls']>;

export function deepFreeze<Value>(value: Value): DeepReadonly<Value> {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value as DeepReadonly<Value>;
}
