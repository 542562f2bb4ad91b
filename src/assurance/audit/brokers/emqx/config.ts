/** What the layers of an EMQX configuration come to, and how its settings are asked for. */
import type { Source } from '../../model/fact.ts';
import type { HoconArray, HoconObject, HoconValue, Place } from './hocon/tree.ts';

export interface EmqxVersion {
  /** As the package says it, such as `5.8.6`; undefined where nothing tells. */
  readonly stated: string | undefined;
  readonly isHardened: boolean;
}

export interface EmqxSetting {
  /** The text, or the default where nothing is set. */
  readonly text: string;
  /** Where it is set; undefined where it is the default. */
  readonly place: Place | undefined;
}

export const LISTENER_TYPES = ['tcp', 'ssl', 'ws', 'wss'] as const;
export type EmqxListenerType = (typeof LISTENER_TYPES)[number] | 'quic';

export interface EmqxListener {
  /** Such as `listener tcp:default`. */
  readonly label: string;
  readonly type: EmqxListenerType;
  readonly port: number;
  /** Undefined for all addresses. */
  readonly address: string | undefined;
  /** Undefined where nothing of it is written down: EMQX has it all the same. */
  readonly own: HoconObject | undefined;
  readonly place: Place | undefined;
}

const DEFAULT_PORTS: Readonly<Record<(typeof LISTENER_TYPES)[number], number>> = {
  tcp: 1883,
  ssl: 8883,
  ws: 8083,
  wss: 8084,
};

export class EmqxConfig {
  /** emqx.conf. */
  readonly file: string;
  readonly version: EmqxVersion;
  readonly root: HoconObject;
  /** The files that were there to be read, the weakest first. */
  readonly layers: readonly string[];

  constructor(file: string, version: EmqxVersion, root: HoconObject, layers: readonly string[]) {
    this.file = file;
    this.version = version;
    this.root = root;
    this.layers = layers;
  }

  /** Whose defaults are taken. */
  get table(): string {
    const { stated, isHardened } = this.version;
    return `EMQX ${stated ?? '5'}${isHardened ? ', hardened' : ''}`;
  }

  value(path: string): HoconValue | undefined {
    return valueIn(this.root, path);
  }

  setting(path: string, otherwise: string): EmqxSetting {
    return settingIn(this.root, path, otherwise);
  }

  /** As a listener has it: the zone that it names goes before the whole broker. */
  zoned(listener: EmqxListener, path: string, otherwise: string): EmqxSetting {
    const zone = settingIn(listener.own, 'zone', 'default').text;
    const ofZone = this.value(`zones.${zone}`);
    const own = ofZone?.kind === 'object' ? settingIn(ofZone, path, '') : undefined;
    return own?.place === undefined ? this.setting(path, otherwise) : own;
  }

  source(place: Place | undefined): Source {
    return place === undefined ? { from: this.file } : { from: place.file, line: place.line };
  }

  /** Those that are on. A `default` of each type is there without being written down, unless it is marked for deletion. */
  listeners(): EmqxListener[] {
    const found: EmqxListener[] = [];
    for (const type of [...LISTENER_TYPES, 'quic'] as const) {
      const written = this.value(`listeners.${type}`);
      const named = new Map(written?.kind === 'object' ? written.fields : []);
      if (type !== 'quic' && !named.has('default')) found.push(this.#listener(type, 'default', undefined));
      for (const [name, own] of named) {
        // A text is `marked_for_deletion`.
        if (own.kind !== 'object') continue;
        const isOn = settingIn(own, 'enable', settingIn(own, 'enabled', 'true').text).text;
        if (isOn !== 'false') found.push(this.#listener(type, name, own));
      }
    }
    return found;
  }

  #listener(type: EmqxListenerType, name: string, own: HoconObject | undefined): EmqxListener {
    const bind = settingIn(own, 'bind', type === 'quic' ? '14567' : String(DEFAULT_PORTS[type]));
    const { address, port } = parseBind(bind.text);
    const byDefault = this.version.isHardened
      ? this.setting('node.default_listener_address', '127.0.0.1').text
      : undefined;
    return {
      label: `listener ${type}:${name}`,
      type,
      port,
      address: address ?? byDefault,
      own,
      place: bind.place ?? own?.place,
    };
  }
}

/** `1883`, `:1883`, `127.0.0.1:1883`, `[::1]:1883`, `::1:1883`. */
export function parseBind(text: string): { readonly address: string | undefined; readonly port: number } {
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  const address = at <= 0 ? undefined : text.slice(0, at).replace(/^\[|\]$/g, '');
  return { address: address === '' ? undefined : address, port: Number.isInteger(port) ? port : 0 };
}

export function valueIn(start: HoconValue | undefined, path: string): HoconValue | undefined {
  let value = start;
  for (const name of path.split('.')) value = value?.kind === 'object' ? value.fields.get(name) : undefined;
  return value;
}

/** A text; what is not one is as if it were not set to anything that is known. */
export function settingIn(start: HoconValue | undefined, path: string, otherwise: string): EmqxSetting {
  const value = valueIn(start, path);
  if (value === undefined || (value.kind === 'text' && value.text === 'null'))
    return { text: otherwise, place: undefined };
  return { text: value.kind === 'text' ? value.text : `(an ${value.kind})`, place: value.place };
}

/** An array, or an object with numbers for names, as environment variables write one. */
export function itemsOf(value: HoconValue | undefined): readonly HoconValue[] {
  if (value?.kind === 'array') return (value as HoconArray).items;
  if (value?.kind !== 'object') return [];
  const names = [...value.fields.keys()];
  if (names.length === 0 || !names.every((name) => /^\d+$/.test(name))) return [value];
  return names.sort((a, b) => Number(a) - Number(b)).map((name) => value.fields.get(name)!);
}

/** Every text below with its path; each part once, however often it is referred to. */
export function* textsIn(
  start: HoconValue,
): Generator<{ readonly path: readonly string[]; readonly text: string; readonly place: Place }> {
  const seen = new Set<HoconValue>();
  const left: { readonly path: readonly string[]; readonly value: HoconValue }[] = [{ path: [], value: start }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path, value } = next;
    if (value.kind === 'text') {
      yield { path, text: value.text, place: value.place };
      continue;
    }
    if (seen.has(value)) continue;
    seen.add(value);
    const inner =
      value.kind === 'object' ? [...value.fields] : value.items.map((item, index) => [String(index), item] as const);
    for (const [name, one] of inner.reverse()) left.push({ path: [...path, name], value: one });
  }
}

const UNITS: Readonly<Record<string, number>> = { '': 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** `1MB` as EMQX counts it; undefined where it is no size. */
export function bytesOf(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const factor = match === null ? undefined : UNITS[match[2]!.toLowerCase()];
  return factor === undefined ? undefined : Number(match![1]) * factor;
}
