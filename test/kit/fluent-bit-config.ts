/**
 * Reads a YAML configuration of Fluent Bit strictly: only keys that its plugins know, parsers that are there, and expressions that its
 * engine (Onigmo) takes the same way as ours; and does to a line what its parsers do.
 */
import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { matchesWildcard } from '../../src/base/wildcard.ts';

type Keys = Readonly<Record<string, unknown>>;

interface Parser {
  readonly name: string;
  readonly format: 'json' | 'regex';
  readonly regex?: string;
  readonly time_key: string;
  readonly time_format: string;
  readonly time_keep: boolean;
}

export interface FluentBitConfig {
  readonly parsers: ReadonlyMap<string, Parser>;
  readonly inputs: readonly Keys[];
  readonly filters: readonly Keys[];
  readonly outputs: readonly Keys[];
}

const PARSER_KEYS = ['name', 'format', 'regex', 'time_key', 'time_format', 'time_keep', 'time_offset', 'time_strict'];
const SERVICE_KEYS = ['flush', 'log_level', 'daemon', 'grace', 'http_server', 'http_listen', 'http_port'];

/** Of each plugin, from its table of settings. */
const PLUGIN_KEYS: Readonly<Record<string, readonly string[]>> = {
  tail: [
    ...[
      'path',
      'exclude_path',
      'parser',
      'db',
      'db.sync',
      'db.locking',
      'rotate_wait',
      'refresh_interval',
      'read_from_head',
    ],
    ...['buffer_chunk_size', 'buffer_max_size', 'skip_long_lines', 'skip_empty_lines', 'path_key', 'offset_key', 'key'],
  ],
  syslog: [
    ...['mode', 'listen', 'port', 'path', 'unix_perm', 'parser', 'buffer_chunk_size', 'buffer_max_size'],
    ...['receive_buffer_size', 'raw_message_key', 'source_address_key'],
  ],
  parser: ['key_name', 'parser', 'preserve_key', 'reserve_data'],
  es: [
    'host',
    'port',
    'index',
    'type',
    'logstash_format',
    'suppress_type_name',
    'http_user',
    'http_passwd',
    'tls',
    'tls.verify',
    'tls.ca_file',
  ],
};
const KIND_KEYS = {
  inputs: ['name', 'tag', 'mem_buf_limit', 'storage.type'],
  filters: ['name', 'match'],
  outputs: ['name', 'match', 'retry_limit'],
};
const KIND_PLUGINS = { inputs: ['tail', 'syslog'], filters: ['parser'], outputs: ['es'] };

/** Fails where something in it does not exist. */
export function readFluentBitConfig(text: string): FluentBitConfig {
  const { service, parsers, pipeline, ...further } = parse(text, { strict: true, uniqueKeys: true }) as {
    service: Keys;
    parsers: Parser[];
    pipeline: Record<keyof typeof KIND_KEYS, Keys[]>;
  };
  assert.deepEqual(Object.keys(further), []);
  demandKeys('service', service, SERVICE_KEYS);
  assert.deepEqual(Object.keys(pipeline).sort(), ['filters', 'inputs', 'outputs']);
  const named = new Map<string, Parser>();
  for (const parser of parsers) {
    demandKeys(`parser ${parser.name}`, { ...parser }, PARSER_KEYS);
    assert.ok(!named.has(parser.name), `two parsers are called ${parser.name}`);
    assert.ok(['json', 'regex'].includes(parser.format));
    assert.equal(parser.format === 'regex', parser.regex !== undefined);
    if (parser.regex !== undefined) demandPlainRegex(parser.regex);
    named.set(parser.name, parser);
  }
  const tags: string[] = pipeline.inputs.map(({ tag }) => String(tag));
  for (const kind of ['inputs', 'filters', 'outputs'] as const) {
    for (const plugin of pipeline[kind]) {
      const name = String(plugin['name']);
      assert.ok(KIND_PLUGINS[kind].includes(name), `${name} is none of the ${kind}`);
      demandKeys(`${kind} ${name}`, plugin, [...KIND_KEYS[kind], ...PLUGIN_KEYS[name]!]);
      const { parser, match } = plugin;
      if (parser !== undefined) assert.ok(named.has(String(parser)), `${String(parser)} is no parser`);
      if (match !== undefined)
        assert.ok(
          tags.some((tag) => matchesWildcard(String(match), tag)),
          `nothing has the tag ${String(match)}`,
        );
    }
  }
  return { parsers: named, ...pipeline };
}

function demandKeys(where: string, given: Keys, known: readonly string[]): void {
  for (const key of Object.keys(given)) assert.ok(known.includes(key), `${where}: ${key} is no key of it`);
}

/** Onigmo has other meanings for much that is allowed here; of what is the same everywhere our expression has enough. */
function demandPlainRegex(regex: string): void {
  const rest = regex.replaceAll(/\(\?<[a-z_]+>|\[\^? ?(?:[0-9]-[0-9])?\]|\{\d,\d\}/g, '');
  assert.match(rest, /^\^[<>1 ().*+-]*\$$/, `${regex} has more in it than groups, classes and repetitions`);
}

/** Undefined where the parser does not fit. */
export function parseRecord(
  { parsers }: FluentBitConfig,
  name: string,
  line: string,
): { timeMs: number; fields: Keys } | undefined {
  const parser = parsers.get(name)!;
  // To Onigmo ^ and $ are the ends of a line, and a dot is anything but a line's end.
  assert.ok(!/[\r\n]/.test(line), 'a message is one line');
  const found = parser.format === 'json' ? jsonOf(line) : new RegExp(parser.regex!, 'm').exec(line)?.groups;
  if (found === undefined) return undefined;
  const fields: Record<string, unknown> = { ...found };
  const time = fields[parser.time_key];
  assert.equal(parser.time_format, '%Y-%m-%dT%H:%M:%S.%LZ');
  assert.ok(time === undefined || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(time)), String(time));
  if (!parser.time_keep) delete fields[parser.time_key];
  return { timeMs: Date.parse(String(time)), fields };
}

function jsonOf(line: string): Keys | undefined {
  try {
    return JSON.parse(line) as Keys;
  } catch {
    return undefined;
  }
}

/** What the filters of a tag make of a record: a field that a parser reads is replaced by what is in it. */
export function filtered(config: FluentBitConfig, tag: string, fields: Keys): Keys {
  let record = fields;
  for (const { match, key_name: key, parser, reserve_data: reserves } of config.filters) {
    if (!matchesWildcard(String(match), tag)) continue;
    const text = record[String(key)];
    const parsed = typeof text === 'string' ? parseRecord(config, String(parser), text) : undefined;
    if (parsed === undefined) continue;
    const { [String(key)]: _read, ...others } = record;
    // It would write both, and what reads them might take either, or refuse the record.
    const twice = reserves === true ? Object.keys(others).filter((field) => field in parsed.fields) : [];
    assert.deepEqual(twice, [], 'no field is there twice');
    record = reserves === true ? { ...parsed.fields, ...others } : parsed.fields;
  }
  return record;
}

/** Such as 32K and 1M. */
export function bytesOf(size: unknown): number {
  const [, count, unit] = /^(\d+)([KM])$/.exec(String(size)) ?? assert.fail(`${String(size)} is no size`);
  return Number(count) * { K: 1000, M: 1_000_000 }[unit as 'K' | 'M'];
}
