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
  /** Of a list's items: one shape for each kind, told apart by the constant of its key `method` or `type`. */
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

let made: JsonSchema | undefined;

export function configJsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(configSchema('/').meta({ title: 'Sallyport configuration' }), { io: 'input' }) as JsonSchema;
  return made;
}

/** The key whose constant tells shapes apart. */
function tellingKey(shapes: readonly JsonSchema[]): 'method' | 'type' {
  return shapes[0]?.properties?.['method']?.const === undefined ? 'type' : 'method';
}

/** What an item of a list is: of several shapes the one that its kind names, or all of them in one where it names none. */
export function itemSchema(items: JsonSchema | undefined, given: unknown): JsonSchema | undefined {
  if (items?.oneOf === undefined) return items;
  const key = tellingKey(items.oneOf);
  const kind = typeof given === 'object' && given !== null ? (given as Record<string, unknown>)[key] : undefined;
  const named = items.oneOf.find(({ properties }) => properties?.[key]?.const === kind);
  return named ?? { properties: Object.assign({}, ...items.oneOf.map(({ properties }) => properties)) };
}

/** The schema of what stands at `path` of a configuration, or undefined where the path leads nowhere. */
export function schemaAt(path: readonly (string | number)[], config?: unknown): JsonSchema | undefined {
  let schema: JsonSchema | undefined = configJsonSchema();
  let given = config;
  for (const step of path) {
    given = typeof given === 'object' && given !== null ? (given as Record<string | number, unknown>)[step] : undefined;
    schema = typeof step === 'number' ? itemSchema(schema?.items, given) : schema?.properties?.[step];
  }
  return schema;
}

/**
 * The keys of a list's items: under `[]` those that all have, and under `[webhook]` and the like what only one of several
 * shapes has. Empty where the items are plain values.
 */
export function itemKeys({ items }: JsonSchema): [mark: string, schema: JsonSchema][] {
  if (items?.properties !== undefined) return [['[]', items]];
  const shapes = items?.oneOf?.map(({ properties = {} }) => properties) ?? [];
  const [first = {}] = shapes;
  const isShared = (key: string): boolean => shapes.every((shape) => Object.hasOwn(shape, key));
  const only = (shape: Readonly<Record<string, JsonSchema>>, wanted: (key: string) => boolean): JsonSchema => ({
    properties: Object.fromEntries(Object.entries(shape).filter(([key]) => wanted(key))),
  });
  const key = tellingKey(items?.oneOf ?? []);
  const own = shapes.map((shape): [string, JsonSchema] => [
    `[${String(shape[key]?.const)}]`,
    only(shape, (key) => !isShared(key)),
  ]);
  return shapes.length === 0 ? [] : [['[]', only(first, isShared)], ...own];
}

/** Every key path, lists as `listeners[]`, in the order of the schema. */
export function knownPaths(schema: JsonSchema = configJsonSchema(), above = ''): string[] {
  const paths: string[] = [];
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    const path = above === '' ? key : `${above}.${key}`;
    paths.push(path, ...knownPaths(inner, path));
    for (const [mark, item] of itemKeys(inner)) paths.push(...knownPaths(item, `${path}${mark}`));
  }
  return paths;
}
