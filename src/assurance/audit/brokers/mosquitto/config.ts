/** What a list of directives makes of Mosquitto: its listeners, and which settings hold for each. */
import { type DefaultTable, defaultOf } from './defaults.ts';
import type { Directive } from './directives.ts';

/** Settings of a listener: they belong to the last `listener` above them, or to the one without a name. */
const LISTENER_SETTINGS: ReadonlySet<string> = new Set([
  'accept_protocol_versions',
  'bind_interface',
  'cafile',
  'capath',
  'certfile',
  'ciphers',
  'ciphers_tls1.3',
  'crlfile',
  'dhparamfile',
  'disable_client_cert_date_checks',
  'enable_proxy_protocol',
  'http_dir',
  'keyfile',
  'listener_allow_anonymous',
  'listener_auto_id_prefix',
  'max_connections',
  'max_qos',
  'max_topic_alias',
  'mount_point',
  'protocol',
  'psk_hint',
  'require_certificate',
  'socket_domain',
  'tls_engine',
  'tls_keyform',
  'tls_version',
  'use_identity_as_username',
  'use_subject_as_username',
  'use_username_as_clientid',
  'websockets_headers_size',
  'websockets_origin',
]);

/** Settings of the whole broker, or of a listener where `per_listener_settings` is true. */
const SECURITY_SETTINGS: ReadonlySet<string> = new Set([
  'acl_file',
  'allow_anonymous',
  'allow_zero_length_clientid',
  'auth_plugin',
  'auto_id_prefix',
  'global_plugin',
  'password_file',
  'plugin',
  'psk_file',
]);

/** Of the unnamed listener's settings those that, beside stated listeners, bring it to life; seen with Mosquitto 2.0.11. */
const AWAKENING: ReadonlySet<string> = new Set([
  'allow_zero_length_clientid',
  'auth_plugin',
  'bind_interface',
  'cafile',
  'capath',
  'certfile',
  'ciphers',
  'ciphers_tls1.3',
  'crlfile',
  'keyfile',
  'max_connections',
  'max_qos',
  'password_file',
  'plugin',
  'psk_file',
  'psk_hint',
  'require_certificate',
  'socket_domain',
  'use_identity_as_username',
  'use_subject_as_username',
  'use_username_as_clientid',
]);

function awakens({ name, value }: Directive): boolean {
  return AWAKENING.has(name) || (name === 'protocol' && value === 'websockets');
}

/** Plugins come one after another; of the others the last one holds. */
type Settings = Map<string, Directive[]>;

export interface MosquittoListener {
  /** Such as `listener 8883`. */
  readonly label: string;
  /** 0 for a socket in the file system. */
  readonly port: number;
  /** Address or name it is bound to; undefined for all addresses. */
  readonly address: string | undefined;
  /** `stated` by a `listener`; `default` by settings before the first one; `local-only` where nothing says anything. */
  readonly origin: 'stated' | 'default' | 'local-only';
  /** Where it comes from; undefined for `local-only`. */
  readonly directive: Directive | undefined;
  readonly settings: Settings;
}

export interface Setting {
  readonly value: string;
  /** Undefined where it is the default's. */
  readonly directive: Directive | undefined;
}

export class MosquittoConfig {
  readonly file: string;
  readonly table: DefaultTable;
  readonly directives: readonly Directive[];
  readonly listeners: readonly MosquittoListener[];
  readonly isPerListener: boolean;
  readonly #global: Settings = new Map();

  constructor(file: string, table: DefaultTable, directives: readonly Directive[]) {
    this.file = file;
    this.table = table;
    this.directives = directives;
    this.isPerListener = isTrue(directives.findLast(({ name }) => name === 'per_listener_settings')?.value ?? 'false');
    this.listeners = this.#listenersOf(directives);
  }

  #listenersOf(directives: readonly Directive[]): MosquittoListener[] {
    const unnamed: Settings = new Map();
    const stated: MosquittoListener[] = [];
    let current = unnamed;
    let bound: { port?: Directive; address?: Directive } = {};
    for (const directive of directives) {
      const { name, value } = directive;
      if (name === 'listener') {
        current = new Map();
        stated.push(listenerOf(directive, current));
      } else if (name === 'port') bound = { ...bound, port: directive };
      else if (name === 'bind_address') bound = { ...bound, address: directive };
      else if (LISTENER_SETTINGS.has(name) || (this.isPerListener && SECURITY_SETTINGS.has(name)))
        add(current, directive);
      else if (value !== '') add(this.#global, directive);
    }
    const stray = stated.length > 0 ? [...unnamed.values()].flat().find(awakens) : undefined;
    const first = bound.port ?? bound.address ?? stray;
    if (first !== undefined) {
      const port = Number(bound.port?.value ?? 1883);
      const made = { label: `listener ${port}`, port, address: bound.address?.value, origin: 'default' as const };
      return [{ ...made, directive: first, settings: unnamed }, ...stated];
    }
    if (stated.length > 0) return stated;
    const local = { label: 'listener 1883', port: 1883, address: 'localhost', origin: 'local-only' as const };
    return [{ ...local, directive: undefined, settings: unnamed }];
  }

  /** Of the whole broker. */
  setting(name: string): Setting {
    return settingIn(this.#global, this.table, name);
  }

  /** Of one listener: its own, or the broker's where listeners have none of their own. */
  settingOf(listener: MosquittoListener, name: string): Setting {
    const isOwn = LISTENER_SETTINGS.has(name) || (this.isPerListener && SECURITY_SETTINGS.has(name));
    return settingIn(isOwn ? listener.settings : this.#global, this.table, name);
  }

  /** Every directive of these names that holds for a listener, plugins included. */
  directivesOf(listener: MosquittoListener, ...names: readonly string[]): Directive[] {
    return names.flatMap((name) => [...(this.#global.get(name) ?? []), ...(listener.settings.get(name) ?? [])]);
  }
}

function add(settings: Settings, directive: Directive): void {
  settings.set(directive.name, [...(settings.get(directive.name) ?? []), directive]);
}

function settingIn(settings: Settings, table: DefaultTable, name: string): Setting {
  const directive = settings.get(name)?.at(-1);
  return directive === undefined ? { value: defaultOf(table, name), directive } : { value: directive.value, directive };
}

/** `listener PORT [ADDRESS]`, or `listener 0 PATH` for a socket in the file system. */
function listenerOf(directive: Directive, settings: Settings): MosquittoListener {
  const [port = '', address] = directive.value.split(/\s+/, 2);
  const label = port === '0' && address !== undefined ? `listener ${address}` : `listener ${port}`;
  return { label, port: Number(port) || 0, address, origin: 'stated', directive, settings };
}

export function isTrue(value: string): boolean {
  return value === 'true' || value === '1';
}

/** Reached from this machine alone. */
export function isLocal({ port, address }: MosquittoListener): boolean {
  return port === 0 || (address !== undefined && /^(?:localhost|127\.\d+\.\d+\.\d+|::1|ip6-localhost)$/.test(address));
}
