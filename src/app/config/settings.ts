/** The effective settings, one by one, each with where it comes from. */
import { configJsonSchema, itemKeys, itemSchema, type JsonSchema } from './json-schema.ts';
import { formatPath, type KeyPath } from './key-path.ts';
import type { YamlSource } from './yaml-source.ts';

export interface Setting {
  /** Such as `limits.keepAliveMax` or `listeners[0].port`. */
  readonly path: string;
  /** As the file or the schema writes it. */
  readonly value: unknown;
  /** `default`, or file and line such as `data/sallyport.yaml:12`. */
  readonly source: string;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of a source that has been validated. Optional keys that are absent and have no default are left out. */
export function effectiveSettings(source: YamlSource): Setting[] {
  const settings: Setting[] = [];
  const visit = (schema: JsonSchema, given: unknown, path: KeyPath): void => {
    if (schema.properties !== undefined) {
      const block = isRecord(given) ? given : {};
      const carriesWebSocket = block['type'] === undefined || block['type'] === 'ws' || block['type'] === 'wss';
      for (const [key, inner] of Object.entries(schema.properties)) {
        // The type of a listener decides whether this block exists at all.
        if (key === 'websocket' && !carriesWebSocket) continue;
        // Likewise a policy file, of what belongs to an ACL file.
        if ((key === 'aclFile' || key === 'subscribe') && block['policyFile'] !== undefined) continue;
        if (block[key] !== undefined || inner.default !== undefined) visit(inner, block[key], [...path, key]);
      }
      return;
    }
    if (Array.isArray(given) && itemKeys(schema).length > 0) {
      for (const [index, item] of given.entries()) visit(itemSchema(schema.items, item)!, item, [...path, index]);
      return;
    }
    const isGiven = given !== undefined;
    const from = isGiven ? `${source.file}:${source.locateKey(path).line}` : 'default';
    settings.push({ path: formatPath(path), value: isGiven ? given : schema.default, source: from });
  };
  visit(configJsonSchema(), source.value, []);
  return settings;
}
