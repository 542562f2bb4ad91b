/**
 * Reads a configuration of Logstash as its grammar has it (the part that ours uses, and nothing beside), holds plugins and settings
 * against those that exist, and does to an event what its filters do.
 */
import assert from 'node:assert/strict';

export type Value = string | number | boolean | Value[] | Plugin | Hash;
export interface Hash {
  readonly kind: 'hash';
  readonly entries: readonly (readonly [string, Value])[];
}
export interface Plugin {
  readonly kind: 'plugin';
  readonly name: string;
  readonly settings: readonly (readonly [string, Value])[];
}
export interface Branch {
  readonly kind: 'branch';
  /** `"word" in [field]`. */
  readonly word: string;
  readonly field: string;
  readonly steps: readonly Step[];
}
export type Step = Plugin | Branch;
export interface LogstashConfig {
  readonly input: readonly Step[];
  readonly filter: readonly Step[];
  readonly output: readonly Step[];
}

type Kind = 'input' | 'filter' | 'output' | 'codec';

const COMMON = {
  input: ['id', 'tags', 'type', 'codec', 'add_field', 'enable_metric'],
  filter: ['id', 'add_field', 'add_tag', 'remove_field', 'remove_tag', 'enable_metric'],
  output: ['id', 'codec', 'enable_metric'],
  codec: ['id', 'enable_metric'],
} as const satisfies Record<Kind, readonly string[]>;

/** Plugins by their kind, with settings from their reference pages: those that one may want here. */
const SETTINGS: Readonly<Record<Kind, Readonly<Record<string, readonly string[]>>>> = {
  input: {
    file: [
      'path',
      'start_position',
      'sincedb_path',
      'mode',
      'exclude',
      'delimiter',
      'stat_interval',
      'ecs_compatibility',
    ],
    udp: [
      'host',
      'port',
      'buffer_size',
      'queue_size',
      'receive_buffer_bytes',
      'source_ip_fieldname',
      'workers',
      'ecs_compatibility',
    ],
  },
  filter: {
    dissect: ['mapping', 'convert_datatype', 'tag_on_failure'],
    json: ['source', 'target', 'skip_on_invalid_json', 'tag_on_failure', 'ecs_compatibility'],
    date: ['match', 'target', 'timezone', 'locale', 'tag_on_failure'],
    mutate: [
      'copy',
      'rename',
      'update',
      'replace',
      'convert',
      'gsub',
      'lowercase',
      'uppercase',
      'strip',
      'split',
      'join',
      'merge',
    ],
  },
  output: {
    elasticsearch: [
      'hosts',
      'data_stream',
      'data_stream_type',
      'data_stream_dataset',
      'data_stream_namespace',
      'user',
      'password',
      'api_key',
      'ssl_certificate_authorities',
    ],
  },
  codec: { plain: ['charset', 'format', 'ecs_compatibility'] },
};

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  fail(wanted: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length;
    assert.fail(`line ${line}: ${wanted} is wanted, not ${JSON.stringify(this.#text.slice(this.#at, this.#at + 20))}`);
  }

  /** Blanks, and comments, which end with their line. */
  skip(): void {
    this.take(/(?:[ \t\r\n]+|#[^\r\n]*\r?\n)*/y);
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  need(pattern: RegExp, wanted: string): string {
    return this.take(pattern) ?? this.fail(wanted);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }
}

const WORD = /[A-Za-z_][A-Za-z0-9_]+/y;
const NAME = /[A-Za-z0-9_-]+/y;
const TEXT = /"(?:\\.|[^"\\])*"|'[^']*'/y;
const NUMBER = /-?[0-9]+(?:\.[0-9]*)?/y;
const SELECTOR = /(?:\[[^\], ]+\])+/y;

/** Fails where it is none, or names what does not exist. */
export function readLogstashConfig(text: string): LogstashConfig {
  const reader = new Reader(text);
  const config: Record<'input' | 'filter' | 'output', Step[]> = { input: [], filter: [], output: [] };
  for (reader.skip(); !reader.isAtEnd; reader.skip()) {
    const section = reader.need(/(?:input|filter|output)\b/y, 'input, filter or output') as keyof typeof config;
    config[section].push(...steps(reader, section));
  }
  return config;
}

function steps(reader: Reader, kind: Kind): Step[] {
  reader.skip();
  reader.need(/\{/y, '{');
  const found: Step[] = [];
  for (reader.skip(); reader.take(/\}/y) === undefined; reader.skip()) {
    if (reader.take(/if\b/y) !== undefined) {
      reader.skip();
      const word = unquoted(reader.need(TEXT, 'a text'));
      reader.skip();
      reader.need(/in\b/y, 'in');
      reader.skip();
      const field = reader.need(SELECTOR, 'a field such as [tags]');
      found.push({ kind: 'branch', word, field, steps: steps(reader, kind) });
    } else found.push(plugin(reader, reader.need(NAME, 'a plugin'), kind));
  }
  return found;
}

function plugin(reader: Reader, name: string, kind: Kind): Plugin {
  const known = SETTINGS[kind][name] ?? reader.fail(`one of the ${kind} plugins ${Object.keys(SETTINGS[kind])}`);
  reader.skip();
  reader.need(/\{/y, '{');
  const settings: [string, Value][] = [];
  for (reader.skip(); reader.take(/\}/y) === undefined; reader.skip()) {
    const setting = reader.need(NAME, 'a setting');
    if (![...known, ...COMMON[kind]].includes(setting)) reader.fail(`a setting of ${name} before this`);
    if (settings.some(([other]) => other === setting)) reader.fail(`one ${setting}, not two,`);
    reader.skip();
    reader.need(/=>/y, '=>');
    reader.skip();
    settings.push([setting, value(reader, setting)]);
  }
  return { kind: 'plugin', name, settings };
}

function value(reader: Reader, setting: string): Value {
  if (reader.take(/\[/y) !== undefined) {
    const items: Value[] = [];
    for (reader.skip(); reader.take(/\]/y) === undefined; reader.skip()) {
      if (items.length > 0) {
        reader.need(/,/y, 'a comma or ]');
        reader.skip();
      }
      items.push(value(reader, setting));
    }
    return items;
  }
  if (reader.take(/\{/y) !== undefined) {
    const entries: [string, Value][] = [];
    for (reader.skip(); reader.take(/\}/y) === undefined; reader.skip()) {
      // A comma between entries would be taken as well; between lines there is none.
      const key = unquoted(reader.need(TEXT, 'a key in quotes'));
      assert.ok(!entries.some(([other]) => other === key), `${key} is there twice`);
      reader.skip();
      reader.need(/=>/y, '=>');
      reader.skip();
      entries.push([key, value(reader, setting)]);
    }
    return { kind: 'hash', entries };
  }
  const text = reader.take(TEXT);
  if (text !== undefined) return unquoted(text);
  const number = reader.take(NUMBER);
  if (number !== undefined) return Number(number);
  const word = reader.need(WORD, 'a value');
  if (word === 'true' || word === 'false') return word === 'true';
  return setting === 'codec' ? plugin(reader, word, 'codec') : word;
}

/** Without `config.support_escapes`, which is off, a backslash is one. */
function unquoted(text: string): string {
  return text.slice(1, -1);
}

// --- what filters do ---

export type LogstashEvent = { [field: string]: unknown };

/** `[a][b]` or `a`. */
function pathOf(reference: string): string[] {
  if (!reference.startsWith('[')) return [reference];
  assert.match(reference, /^(?:\[[^\][]+\])+$/, `${reference} is no field`);
  return reference.slice(1, -1).split('][');
}

export function fieldOf(event: LogstashEvent, reference: string): unknown {
  return pathOf(reference).reduce<unknown>((inner, step) => (inner as LogstashEvent | undefined)?.[step], event);
}

function setField(event: LogstashEvent, reference: string, given: unknown): void {
  const path = pathOf(reference);
  let inner = event;
  for (const step of path.slice(0, -1)) {
    inner[step] ??= {};
    assert.equal(typeof inner[step], 'object', `${reference}: ${step} is no object, and cannot have fields`);
    inner = inner[step] as LogstashEvent;
  }
  inner[path.at(-1)!] = given;
}

/** Changes the event as the filters of the configuration do. */
export function filterEvent(filters: readonly Step[], event: LogstashEvent): void {
  for (const step of filters) {
    if (step.kind === 'branch') {
      const found = fieldOf(event, step.field);
      if (Array.isArray(found) && found.includes(step.word)) filterEvent(step.steps, event);
    } else apply(step, event);
  }
}

function apply({ name, settings }: Plugin, event: LogstashEvent): void {
  const given = new Map(settings);
  const hash = (setting: string): readonly (readonly [string, Value])[] =>
    (given.get(setting) as Hash | undefined)?.entries ?? [];
  switch (name) {
    case 'dissect':
      for (const [field, pattern] of hash('mapping')) dissect(event, field, String(pattern));
      break;
    case 'json': {
      const read = jsonOf(String(fieldOf(event, String(given.get('source')))));
      if (read === undefined) {
        tag(event, '_jsonparsefailure');
        return;
      }
      setField(event, String(given.get('target')), read);
      break;
    }
    case 'date': {
      const [field, ...formats] = given.get('match') as string[];
      assert.deepEqual(formats, ['ISO8601']);
      const time = fieldOf(event, field!);
      if (time === undefined) return;
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(time))) {
        tag(event, '_dateparsefailure');
        return;
      }
      event['@timestamp'] = time;
      break;
    }
    case 'mutate':
      for (const [from, to] of hash('copy')) {
        const found = fieldOf(event, from);
        if (found !== undefined && found !== null) setField(event, String(to), structuredClone(found));
      }
      break;
    default:
      assert.fail(`${name} is not understood`);
  }
  // What every filter can do, last.
  for (const [field, text] of hash('add_field')) setField(event, field, text);
}

/** Each field ends where the text behind it begins for the first time; the last one takes the rest. */
function dissect(event: LogstashEvent, field: string, pattern: string): void {
  const found = dissected(String(fieldOf(event, field)), pattern);
  if (found === undefined) tag(event, '_dissectfailure');
  else for (const [name, text] of found) setField(event, name, text);
}

function dissected(text: string, pattern: string): [field: string, text: string][] | undefined {
  const parts = pattern.split(/%\{([^}]*)\}/);
  const found: [string, string][] = [];
  if (!text.startsWith(parts[0]!)) return undefined;
  let rest = text.slice(parts[0]!.length);
  for (let i = 1; i < parts.length; i += 2) {
    const delimiter = parts[i + 1]!;
    const end = delimiter === '' ? rest.length : rest.indexOf(delimiter);
    if (end === -1) return undefined;
    found.push([parts[i]!, rest.slice(0, end)]);
    rest = rest.slice(end + delimiter.length);
  }
  return found;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tag(event: LogstashEvent, name: string): void {
  event['tags'] = [...((event['tags'] as string[] | undefined) ?? []), name];
}
