/** HiveMQ's config.xml, with HiveMQ 4's defaults for elements that are absent. */
import type { Source } from '../../model/fact.ts';
import type { Element } from './xml.ts';

export interface HivemqSetting {
  /** The text, or the default where the element is absent or empty. */
  readonly text: string;
  /** Where it stands; undefined where it is the default's. */
  readonly line: number | undefined;
}

export type HivemqListenerKind = 'tcp-listener' | 'tls-tcp-listener' | 'websocket-listener' | 'tls-websocket-listener';
export const LISTENER_KINDS: readonly HivemqListenerKind[] = [
  'tcp-listener',
  'tls-tcp-listener',
  'websocket-listener',
  'tls-websocket-listener',
];

export interface HivemqListener {
  /** Such as `tls-tcp-listener 8883`. */
  readonly label: string;
  readonly kind: HivemqListenerKind;
  /** 0 where the environment says it. */
  readonly port: number;
  readonly address: string;
  readonly element: Element;
}

/** By path below the root. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'mqtt/packets/max-packet-size': '268435460',
  'mqtt/keep-alive/allow-unlimited': 'true',
  'mqtt/keep-alive/max-keep-alive': '65535',
  'mqtt/session-expiry/max-interval': '4294967295',
  'restrictions/max-connections': '-1',
  'restrictions/incoming-bandwidth-throttling': '0',
  'restrictions/no-connect-idle-timeout': '10000',
  'restrictions/max-client-id-length': '65535',
  'restrictions/max-topic-length': '65535',
  'security/utf8-validation/enabled': 'true',
  'security/payload-format-validation/enabled': 'false',
  'control-center/enabled': 'true',
};

/** `${NAME}` and `${ENV:NAME}`: the environment says it. */
export const PLACEHOLDER = /\$\{(?:ENV:)?[A-Za-z_][\w.]*\}/;

export class HivemqConfig {
  readonly file: string;
  readonly root: Element;

  constructor(file: string, root: Element) {
    this.file = file;
    this.root = root;
  }

  source(line: number | undefined): Source {
    return line === undefined ? { from: this.file } : { from: this.file, line };
  }

  element(path: string): Element | undefined {
    return elementIn(this.root, path);
  }

  /** Of the whole broker; the default is HiveMQ 4's. */
  setting(path: string): HivemqSetting {
    return settingIn(this.root, path, DEFAULTS[path] ?? '');
  }

  listeners(): HivemqListener[] {
    const listeners = elementIn(this.root, 'listeners')?.children ?? [];
    return listeners.flatMap((element): HivemqListener[] => {
      const kind = LISTENER_KINDS.find((one) => one === element.name);
      if (kind === undefined) return [];
      const port = settingIn(element, 'port', '0').text;
      const label = `${kind} ${port}`;
      const address = settingIn(element, 'bind-address', '0.0.0.0').text;
      return [{ label, kind, port: /^\d+$/.test(port) ? Number(port) : 0, address, element }];
    });
  }
}

export function elementIn(start: Element | undefined, path: string): Element | undefined {
  let element = start;
  for (const name of path.split('/')) element = element?.children.find((child) => child.name === name);
  return element;
}

export function settingIn(start: Element | undefined, path: string, otherwise: string): HivemqSetting {
  const element = elementIn(start, path);
  return element === undefined || element.text === ''
    ? { text: otherwise, line: undefined }
    : { text: element.text, line: element.line };
}
