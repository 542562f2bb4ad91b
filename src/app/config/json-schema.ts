/** The configuration's JSON Schema, for editors and for this program's own lists of known keys. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The part of JSON Schema that the configuration uses. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
}

let made: JsonSchema | undefined;

export function configJsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(configSchema('/').meta({ title: 'Sallyport configuration' }), { io: 'input' }) as JsonSchema;
  return made;
}

/** The schema of what stands at `path`, or undefined where the path leads nowhere. */
export function schemaAt(path: readonly (string | number)[]): JsonSchema | undefined {
  let schema: JsonSchema | undefined = configJsonSchema();
  for (const step of path) schema = typeof step === 'number' ? schema?.items : schema?.properties?.[step];
  return schema;
}

/** Every key path, lists as `listeners[]`, in the order of the schema. */
export function knownPaths(schema: JsonSchema = configJsonSchema(), above = ''): string[] {
  const paths: string[] = [];
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    const path = above === '' ? key : `${above}.${key}`;
    paths.push(path);
    if (inner.items?.properties !== undefined) paths.push(...knownPaths(inner.items, `${path}[]`));
    else paths.push(...knownPaths(inner, path));
  }
  return paths;
}
