import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { configJsonSchema, itemKeys, type JsonSchema, knownPaths } from './json-schema.ts';

const PUBLISHED = new URL('../../../docs/schema/sallyport.schema.json', import.meta.url);
const DEFAULTS = new URL('../../../docs/defaults.md', import.meta.url);

function leaves(schema: JsonSchema, above = ''): [path: string, leaf: JsonSchema][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const path = above === '' ? key : `${above}.${key}`;
    if (inner.properties !== undefined) return leaves(inner, path);
    const items = itemKeys(inner).flatMap(([mark, item]) => leaves(item, `${path}${mark}`));
    // A list of several shapes has a default that is more than an empty list.
    return inner.items?.properties !== undefined ? items : [[path, inner] as [string, JsonSchema], ...items];
  });
}

describe('the published schema', () => {
  // After a change: UPDATE_GOLDEN=1 node --test src/app/config/json-schema.test.ts
  it('is the one that the program validates with', () => {
    const text = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(PUBLISHED, text);
    assert.equal(readFileSync(PUBLISHED, 'utf8'), text);
  });

  it('says of every key what it is for', () => {
    const silent = leaves(configJsonSchema()).filter(([, leaf]) => leaf.description === undefined);
    assert.deepEqual(
      silent.map(([path]) => path),
      [],
    );
  });

  it('holds no path of the machine that made it', () => {
    assert.doesNotMatch(JSON.stringify(configJsonSchema()), /"(\/[^"/]+){2,}"/);
  });
});

describe('docs/defaults.md', () => {
  const rows = new Map(
    [...readFileSync(DEFAULTS, 'utf8').matchAll(/^\| `([^`]+)` *\| (.*?) *\| (.*?) *\|$/gm)].map(
      ([, path = '', value = '', why = '']) => [path, { value, why }],
    ),
  );

  it('gives each default as the schema has it, with a reason', () => {
    for (const [path, leaf] of leaves(configJsonSchema())) {
      const row = rows.get(path);
      assert.ok(row, `${path} is missing`);
      assert.ok(row.why.length > 10, `${path} has no reason`);
      const value = leaf.default === undefined ? 'none' : `\`${JSON.stringify(leaf.default).replaceAll('"', '')}\``;
      assert.equal(row.value, value, path);
    }
  });

  it('speaks of no key that does not exist', () => {
    const known = new Set(knownPaths());
    assert.deepEqual(
      [...rows.keys()].filter((path) => !known.has(path)),
      [],
    );
  });
});
