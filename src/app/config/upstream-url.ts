/** The URL of a broker: scheme, host, port, and the path where it is a WebSocket. */

export interface UpstreamUrl {
  readonly scheme: 'mqtt' | 'mqtts' | 'ws' | 'wss';
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

const PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const;

/** Undefined where it is none, or says more than belongs in it: credentials have a place of their own. */
export function parseUpstreamUrl(text: string): UpstreamUrl | undefined {
  const match = /^(mqtt|mqtts|ws|wss):\/\/(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:[\]]+)(?::(\d{1,5}))?(\/[^\s?#]*)?$/.exec(text);
  if (match === null) return undefined;
  const [, scheme, host = '', port, path = ''] = match;
  const known = scheme as UpstreamUrl['scheme'];
  const number = port === undefined ? PORTS[known] : Number(port);
  if (number < 1 || number > 65_535) return undefined;
  const isWebSocket = known === 'ws' || known === 'wss';
  if (!isWebSocket && path !== '' && path !== '/') return undefined;
  return {
    scheme: known,
    host: host.startsWith('[') ? host.slice(1, -1) : host,
    port: number,
    path: isWebSocket ? (path === '' ? '/mqtt' : path) : '',
  };
}
